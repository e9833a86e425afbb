-- record_changed_settings.lua: replace the settings of the last start, with the audit entry
-- that says what differs.
--
-- KEYS  1 settings  2 audit
-- ARGV  1 settings that the entry was made for ('' for none)  2 settings
--       3 audit entry ('' for none)  4 oldest  5 ttl  6 most
-- Returns the settings that were there, '' for none: if they are not ARGV 1, nothing changed
need('GET', KEYS[1])
need('SET', KEYS[1], '')
need_to_audit(KEYS[2])
local was = redis.call('GET', KEYS[1]) or ''
if was == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2])
  add_audit(KEYS[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6])
end
return was
