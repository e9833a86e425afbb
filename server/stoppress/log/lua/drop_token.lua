-- drop_token.lua: delete a token's record, and add its audit entry.
--
-- KEYS  1 tokens  2 audit
-- ARGV  1 digest  2 audit entry  3 oldest  4 ttl  5 most
-- Returns whether there was one, 1 or 0
need('HDEL', KEYS[1], '')
need_to_audit(KEYS[2])
local dropped = redis.call('HDEL', KEYS[1], ARGV[1])
if dropped == 1 then add_audit(KEYS[2], ARGV[2], ARGV[3], ARGV[4], ARGV[5]) end
return dropped
