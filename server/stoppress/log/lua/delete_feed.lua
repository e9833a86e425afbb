-- delete_feed.lua: delete a feed with all its data, except the idempotency records.
--
-- KEYS  1 meta  2 log  3 line  4 posts  5 order  6 ext  7 revisions  8 idem  9 audit
--       10 meta  11 log  12 line  13 posts  14 order  15 ext  16 revisions  17 presence: of
--       its desk log  18 webhooks  19 dead letters
--       20 dead letters to send again  21 texts of the desk
-- ARGV  1 at  2 expected rev ('' for any)  3 fingerprint ('' for none)  4 ttl, in s
--       5 audit entry  6 oldest  7 ttl  8 most
-- Returns {'ok', born} or {'repeated', cursor, post} or {'reused'} or {'nofeed'} or
--   {'stale', expected, rev, body}
need('HMGET', KEYS[1], '')
need('HGET', KEYS[1], '')
need('UNLINK', KEYS[1], KEYS[2], KEYS[4], KEYS[5], KEYS[6], KEYS[7])
need('UNLINK', unpack(KEYS, 10, 21))
need('SPUBLISH', KEYS[3], '')
need('SPUBLISH', KEYS[12], '')
need_to_recollect(KEYS[8])
need_to_audit(KEYS[9])
local repeated = recollect(KEYS[8], ARGV[3], nil)
if repeated then
  if repeated[2] then
    tell(marker(nil), KEYS[3], repeated[2], 'end', ARGV[1])
  end
  return repeated
end
local held = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'rev', 'born', 'secret')
if not held[1] then return {'nofeed'} end
if ARGV[2] ~= '' and ARGV[2] ~= held[3] then
  return {'stale', ARGV[2], held[3], redis.call('HGET', KEYS[1], 'feed')}
end
local cursor = held[1] .. '-' .. held[2]
-- Deleted with the feed, whatever its content.
local desk = redis.pcall('HMGET', KEYS[10], 'epoch', 'seq', 'secret')
add_audit(KEYS[9], ARGV[5], ARGV[6], ARGV[7], ARGV[8])
keep(KEYS[8], ARGV[3], '', cursor, '', ARGV[4])
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[4], KEYS[5], KEYS[6], KEYS[7])
redis.call('UNLINK', unpack(KEYS, 10, 21))
tell(marker(held[5], KEYS[3]), KEYS[3], cursor, 'end', ARGV[1])
if desk[1] then
  tell(marker(desk[3], KEYS[12]), KEYS[12], desk[1] .. '-' .. desk[2], 'end', ARGV[1])
end
return {'ok', held[4]}
