-- add_audit_alone.lua: add an entry that belongs to no feed.
--
-- KEYS  1 audit
-- ARGV  1 entry  2 oldest  3 ttl  4 most
need_to_audit(KEYS[1])
add_audit(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
return 1
