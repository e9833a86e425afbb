-- read_schedule.lua: what is due by this server's clock, the earliest first.
--
-- KEYS  1 schedule
-- ARGV  1 how many, at most
-- Returns {time in ms, members}
replication()
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
return {now, redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[1])}
