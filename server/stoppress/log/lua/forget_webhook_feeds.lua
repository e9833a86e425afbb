-- forget_webhook_feeds.lua: remove feeds from the index of those that may have webhooks,
-- unless one was added since.
--
-- KEYS  1 index: feeds by the time when their last webhook was added
-- ARGV  1 time, in ms  2… feeds
-- Returns {'ok'}
need('ZADD', KEYS[1], '0', '')
need('ZREM', KEYS[1], '')
for i = 2, #ARGV do
  -- It counts a change if the entry is older, or there is none.
  if redis.call('ZADD', KEYS[1], 'GT', 'CH', ARGV[1], ARGV[i]) == 1 then
    redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
return {'ok'}
