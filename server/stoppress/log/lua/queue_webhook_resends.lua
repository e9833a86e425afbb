-- queue_webhook_resends.lua: queue dead letters to be sent again, with their audit entry,
-- under an Idempotency-Key.
--
-- KEYS  1 meta  2 idem  3 queue  4 audit
-- ARGV  1 fingerprint ('' for none)  2 ttl, in s  3 now, in ms  4 audit entry  5 oldest
--       6 ttl  7 most  8… ids of dead letters
-- Returns {'ok', how many were not queued} or {'repeated', '', how many} or {'reused'} or
--   {'nofeed'}
need('HGET', KEYS[1], '')
need_to_recollect(KEYS[2])
need('ZADD', KEYS[3], '0', '')
need_to_audit(KEYS[4])
local born = redis.call('HGET', KEYS[1], 'born')
if not born then return {'nofeed'} end
local repeated = recollect(KEYS[2], ARGV[1], born)
if repeated then return repeated end
local queued = 0
for i = 8, #ARGV do
  queued = queued + redis.call('ZADD', KEYS[3], 'NX', ARGV[3], ARGV[i])
end
if queued > 0 then add_audit(KEYS[4], ARGV[4], ARGV[5], ARGV[6], ARGV[7]) end
keep(KEYS[2], ARGV[1], born, '', tostring(queued), ARGV[2])
return {'ok', queued}
