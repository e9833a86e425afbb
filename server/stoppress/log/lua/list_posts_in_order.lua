-- list_posts_in_order.lua: put before every script that reads posts in order.
--
-- listed(posts, order, start, limit, bytes[, rising]): the posts from rank `start` on,
-- newest first; rising: oldest first, and ranks count from the oldest. No post but the
-- first begins beyond `bytes`.
-- Returns the bodies, and order and id of the last one if there are more ('' if not).
local STEP = 10

local function listed(posts, order, start, limit, bytes, rising)
  local range = rising and 'ZRANGE' or 'ZREVRANGE'
  local found = redis.call(range, order, start, start + limit, 'WITHSCORES')
  local ids = {}
  for i = 1, math.min(#found / 2, limit) do ids[i] = found[i * 2 - 1] end
  local bodies, size = {}, 0
  while #bodies < #ids and size < bytes do
    local first = #bodies + 1
    local last = math.min(first + STEP - 1, #ids)
    for _, value in ipairs(redis.call('HMGET', posts, unpack(ids, first, last))) do
      if size >= bytes then break end
      bodies[#bodies + 1] = string.sub(value, string.find(value, ' ', 1, true) + 1)
      size = size + #value
    end
  end
  local count = #bodies
  if #found / 2 > count then return bodies, found[count * 2], ids[count] end
  return bodies, '', ''
end

