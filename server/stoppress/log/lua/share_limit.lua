-- share_limit.lua: add what one process allowed to what all processes allowed.
--
-- KEYS  1 limit: when its bucket is full again, in ms
-- ARGV  1 allowed by this process since the last call, in ms of filling
-- Returns in how many ms the bucket is full, counting all processes.
need('TIME')
need('GET', KEYS[1])
need('SET', KEYS[1], '', 'PX', '1')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + tonumber(ARGV[1])
local full_in = math.ceil(full_at - now)
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', math.max(full_in, 1))
return full_in
