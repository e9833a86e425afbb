-- read_snapshot.lua: a feed, its newest posts and the pinned one, at one cursor.
--
-- KEYS  1 meta  2 log  3 line  4 posts  5 order
-- ARGV  1 chance  2 life  3 at  4 limit (1 or more)
--       5 bytes of posts, about (at least one post)
-- Returns {'ok', epoch, seq, feed, bodies, next order, next post, pinned} or
--   {'nofeed'}; ('' and '': no more; pinned '': none)
local feed = enter(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3])
if not feed then return {'nofeed'} end
local bodies, order, post = listed(KEYS[4], KEYS[5], 0, tonumber(ARGV[4]),
  tonumber(ARGV[5]))
local pinned = ''
if feed.pinned ~= '' then
  local value = redis.call('HGET', KEYS[4], feed.pinned)
  if value then pinned = string.sub(value, string.find(value, ' ', 1, true) + 1) end
end
return {'ok', feed.epoch, string.format('%.0f', feed.seq),
  redis.call('HGET', KEYS[1], 'feed') or '', bodies, order, post, pinned}
