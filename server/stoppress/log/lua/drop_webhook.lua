-- drop_webhook.lua: delete a webhook of a feed, with its place, and add its audit entry.
--
-- KEYS  1 meta  2 webhooks  3 audit
-- ARGV  1 id  2 audit entry  3 oldest  4 ttl  5 most
-- Returns whether there was one, 1 or 0
need('HGET', KEYS[1], '')
need('HDEL', KEYS[2], '')
need_to_audit(KEYS[3])
local born = redis.call('HGET', KEYS[1], 'born')
local of = redis.call('HGET', KEYS[2], 'of')
local dropped = redis.call('HDEL', KEYS[2], 'hook ' .. ARGV[1], 'cursor ' .. ARGV[1])
if dropped == 0 or not born or of ~= born then return 0 end  -- of a former feed
add_audit(KEYS[3], ARGV[2], ARGV[3], ARGV[4], ARGV[5])
return 1
