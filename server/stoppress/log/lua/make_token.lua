-- make_token.lua: store a token's record under an Idempotency-Key; or look the key up.
--
-- KEYS  1 tokens  2 idem
-- ARGV  1 fingerprint  2 digest ('' to look the key up only)  3 record  4 salt  5 ttl, in s
-- Returns {'ok'} or {'none'} or {'repeated', salt, digest} or {'reused'}
need('HSET', KEYS[1], '', '')
need_to_recollect(KEYS[2])
local repeated = recollect(KEYS[2], ARGV[1], nil)
if repeated then return repeated end
if ARGV[2] == '' then return {'none'} end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
keep(KEYS[2], ARGV[1], '', ARGV[4], ARGV[2], ARGV[5])
return {'ok'}
