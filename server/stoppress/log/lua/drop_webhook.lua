-- drop_webhook.lua: delete a webhook of a feed and its place, with its audit entry, under an
-- Idempotency-Key.
--
-- KEYS  1 meta  2 idem  3 webhooks  4 audit
-- ARGV  1 fingerprint ('' for none)  2 id  3 ttl, in s  4 audit entry  5 oldest  6 ttl  7 most
-- Returns {'ok'} or {'none'} (there was none) or {'repeated', '', id} or {'reused'} or
--   {'nofeed'}
need('HGET', KEYS[1], '')
need_to_recollect(KEYS[2])
need('HDEL', KEYS[3], '')
need_to_audit(KEYS[4])
local born = redis.call('HGET', KEYS[1], 'born')
if not born then return {'nofeed'} end
local repeated = recollect(KEYS[2], ARGV[1], born)
if repeated then return repeated end
local of = redis.call('HGET', KEYS[3], 'of')
local dropped = redis.call('HDEL', KEYS[3], 'hook ' .. ARGV[2], 'cursor ' .. ARGV[2])
if dropped == 0 or of ~= born then return {'none'} end  -- or it was a former feed's
add_audit(KEYS[4], ARGV[4], ARGV[5], ARGV[6], ARGV[7])
keep(KEYS[2], ARGV[1], born, '', ARGV[2], ARGV[3])
return {'ok'}
