-- ordered_posts.lua: put before every script that reads posts in order.
--
-- listed(posts, order, start, limit[, rising]): the posts from rank `start` on, newest
-- first; rising: oldest first, and ranks count from the oldest.
-- Returns the bodies, and order and id of the last one if there are more ('' if not).
local function listed(posts, order, start, limit, rising)
  local range = rising and 'ZRANGE' or 'ZREVRANGE'
  local found = redis.call(range, order, start, start + limit, 'WITHSCORES')
  local ids = {}
  for i = 1, math.min(#found / 2, limit) do ids[i] = found[i * 2 - 1] end
  local bodies = {}
  if #ids > 0 then
    for _, value in ipairs(redis.call('HMGET', posts, unpack(ids))) do
      bodies[#bodies + 1] = string.sub(value, string.find(value, ' ', 1, true) + 1)
    end
  end
  if #found / 2 > limit then return bodies, found[limit * 2], ids[limit] end
  return bodies, '', ''
end

