-- delete_feed.lua: delete a feed with all it holds, but for the idempotency records.
--
-- KEYS  1 meta  2 log  3 line  4 posts  5 order  6 ext  7 idem
-- ARGV  1 at  2 expected rev ('' for any)  3 fingerprint ('' for none)  4 ttl, in s
-- Returns {'ok', born} or {'repeated', cursor, post} or {'reused'} or {'nofeed'} or
--   {'stale', expected, rev, body}
need('HMGET', KEYS[1], '')
need('HGET', KEYS[1], '')
need('UNLINK', KEYS[1], KEYS[2], KEYS[4], KEYS[5], KEYS[6])
need('SPUBLISH', KEYS[3], '')
need_to_recollect(KEYS[7])
local repeated = recollect(KEYS[7], ARGV[3], nil)
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
keep(KEYS[7], ARGV[3], '', cursor, '', ARGV[4])
redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[4], KEYS[5], KEYS[6])
tell(marker(held[5], KEYS[3]), KEYS[3], cursor, 'end', ARGV[1])
return {'ok', held[4]}
