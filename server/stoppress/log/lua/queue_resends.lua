-- queue_resends.lua: queue dead letters to be sent again, with their audit entry.
--
-- KEYS  1 queue  2 audit
-- ARGV  1 now, in ms  2 audit entry  3 oldest  4 ttl  5 most  6… ids of dead letters
-- Returns how many were not queued
need('ZADD', KEYS[1], '0', '')
need_to_audit(KEYS[2])
local queued = 0
for i = 6, #ARGV do
  queued = queued + redis.call('ZADD', KEYS[1], 'NX', ARGV[1], ARGV[i])
end
if queued > 0 then add_audit(KEYS[2], ARGV[2], ARGV[3], ARGV[4], ARGV[5]) end
return queued
