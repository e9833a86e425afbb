-- add_webhook.lua: add a webhook at the head of its feed, with its audit entry; or look its
-- Idempotency-Key up.
--
-- KEYS  1 meta  2 idem  3 webhooks  4 audit
-- ARGV  1 fingerprint ('' for none)  2 id ('' to look the key up only)  3 record  4 ttl, in s
--       5 audit entry  6 oldest  7 ttl  8 most  9 most webhooks
-- Returns {'ok'} or {'none'} or {'full'} or {'repeated', id, record ('' if it was deleted)}
--   or {'reused'} or {'nofeed'}
need('HMGET', KEYS[1], '')
need('HGET', KEYS[3], '')
need('HGETALL', KEYS[3])
need('DEL', KEYS[3])
need('HSET', KEYS[3], '', '')
need_to_recollect(KEYS[2])
need_to_audit(KEYS[4])
local held = redis.call('HMGET', KEYS[1], 'born', 'epoch', 'seq')
if not held[1] then return {'nofeed'} end
local repeated = recollect(KEYS[2], ARGV[1], held[1])
if repeated then
  if repeated[1] == 'reused' then return repeated end
  local id = repeated[3]
  return {'repeated', id, redis.call('HGET', KEYS[3], 'hook ' .. id) or ''}
end
if ARGV[2] == '' then return {'none'} end
if redis.call('HGET', KEYS[3], 'of') ~= held[1] then
  redis.call('DEL', KEYS[3])  -- of a former feed of the slug
end
local webhooks = 0
local fields = redis.call('HGETALL', KEYS[3])
for f = 1, #fields, 2 do
  if string.sub(fields[f], 1, 5) == 'hook ' then webhooks = webhooks + 1 end
end
if webhooks >= tonumber(ARGV[9]) then return {'full'} end
redis.call('HSET', KEYS[3], 'of', held[1], 'cursor ' .. ARGV[2],
  held[2] .. '-' .. held[3], 'hook ' .. ARGV[2], ARGV[3])
add_audit(KEYS[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8])
keep(KEYS[2], ARGV[1], held[1], '', ARGV[2], ARGV[4])
return {'ok'}
