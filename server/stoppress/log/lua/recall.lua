-- recall.lua: the write kept under an Idempotency-Key.
--
-- KEYS  1 meta  2 idem
-- ARGV  1 fingerprint
-- Returns {'none'} or {'repeated', cursor, post} or {'reused'}
local born = redis.call('HGET', KEYS[1], 'born')
return recollect(KEYS[2], ARGV[1], born) or {'none'}
