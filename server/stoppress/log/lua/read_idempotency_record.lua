-- read_idempotency_record.lua: the write kept under an Idempotency-Key.
--
-- KEYS  1 meta  2 idem  3 line
-- ARGV  1 fingerprint  2 at
-- Returns {'none'} or {'repeated', cursor, post} or {'reused'}
need('HMGET', KEYS[1], '')
need('SPUBLISH', KEYS[3], '')
need_to_recollect(KEYS[2])
local held = redis.call('HMGET', KEYS[1], 'born', 'epoch', 'seq', 'secret')
local repeated = recollect(KEYS[2], ARGV[1], held[1])
if not repeated then return {'none'} end
if repeated[2] and held[2] then
  -- Perhaps no process received the write's message. Repeat it: a process that lacks
  -- the event then reads the log.
  local cursor = held[2] .. '-' .. held[3]
  tell(marker(held[4], KEYS[3]), KEYS[3], cursor, 'epoch', ARGV[2])
end
return repeated
