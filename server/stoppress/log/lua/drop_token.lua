-- drop_token.lua: delete a token's record, with its audit entry, under an Idempotency-Key.
--
-- KEYS  1 tokens  2 idem  3 audit
-- ARGV  1 fingerprint ('' for none)  2 digest  3 ttl, in s  4 audit entry  5 oldest  6 ttl
--       7 most
-- Returns {'ok'} or {'none'} (there was none) or {'repeated', '', digest} or {'reused'}
need('HDEL', KEYS[1], '')
need_to_recollect(KEYS[2])
need_to_audit(KEYS[3])
local repeated = recollect(KEYS[2], ARGV[1], nil)
if repeated then return repeated end
if redis.call('HDEL', KEYS[1], ARGV[2]) == 0 then return {'none'} end
add_audit(KEYS[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7])
keep(KEYS[2], ARGV[1], '', '', ARGV[2], ARGV[3])
return {'ok'}
