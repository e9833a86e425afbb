-- make_token.lua: store a token's record, its audit entry and its Idempotency-Key; or look
-- the key up.
--
-- KEYS  1 tokens  2 idem  3 audit
-- ARGV  1 fingerprint ('' for none)  2 digest ('' to look the key up only)  3 record
--       4 salt  5 ttl, in s  6 audit entry  7 oldest  8 ttl  9 most
-- Returns {'ok'} or {'none'} or {'repeated', salt, digest} or {'reused'}
need('HSET', KEYS[1], '', '')
need_to_recollect(KEYS[2])
need_to_audit(KEYS[3])
local repeated = recollect(KEYS[2], ARGV[1], nil)
if repeated then return repeated end
if ARGV[2] == '' then return {'none'} end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
add_audit(KEYS[3], ARGV[6], ARGV[7], ARGV[8], ARGV[9])
keep(KEYS[2], ARGV[1], '', ARGV[4], ARGV[2], ARGV[5])
return {'ok'}
