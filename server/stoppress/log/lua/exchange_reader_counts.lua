-- exchange_reader_counts.lua: store one process's counts of readers; return all counts.
--
-- KEYS  1 readers: process -> `<end of its lease, in ms>\n<counts>`
-- ARGV  1 process  2 its lease in ms  3 its counts ('' if it has none)
-- Returns the counts of all processes with a valid lease. The others are deleted.
need('TIME')
need('HSET', KEYS[1], '', '')
need('HGETALL', KEYS[1])
need('HDEL', KEYS[1], '')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  local ends = string.format('%.0f', now + ARGV[2])
  redis.call('HSET', KEYS[1], ARGV[1], ends .. '\n' .. ARGV[3])
end
local held = redis.call('HGETALL', KEYS[1])
local counts = {}
for i = 1, #held, 2 do
  local ends, count = string.match(held[i + 1], '^(%d+)\n(.*)$')
  if ends and tonumber(ends) > now then
    counts[#counts + 1] = count
  else
    redis.call('HDEL', KEYS[1], held[i])
  end
end
return counts
