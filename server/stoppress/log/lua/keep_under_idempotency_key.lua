-- keep_under_idempotency_key.lua: keep a value under an Idempotency-Key; or look the key up.
--
-- KEYS  1 meta  2 idem
-- ARGV  1 fingerprint  2 value  3 ttl, in s ('' to look the key up only)
-- Returns {'ok'} or {'none'} or {'repeated', '', value} or {'reused'} or {'nofeed'}
need('HGET', KEYS[1], '')
need_to_recollect(KEYS[2])
local born = redis.call('HGET', KEYS[1], 'born')
if not born then return {'nofeed'} end
local repeated = recollect(KEYS[2], ARGV[1], born)
if repeated then return repeated end
if ARGV[3] == '' then return {'none'} end
keep(KEYS[2], ARGV[1], born, '', ARGV[2], ARGV[3])
return {'ok'}
