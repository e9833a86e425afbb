-- read_posts_page.lua: posts in order, after a position whose post may be withdrawn.
--
-- KEYS  1 meta  2 posts  3 order
-- ARGV  1 limit (1 or more)  2 order, 3 post of the position ('' and '' for the first)
--       4 '1': oldest first, the posts newer than the position
--       5 bytes of posts, about (at least one post)
-- Returns {'ok', bodies, next order, next post} ('' and '': no more) or {'nofeed'}
if redis.call('EXISTS', KEYS[1]) == 0 then return {'nofeed'} end
local rising = ARGV[4] == '1'
local start = 0
if ARGV[2] ~= '' then
  -- Posts of equal order are sorted by id, greatest first: a binary search finds the
  -- first id below the position (rising: at or below it).
  start = redis.call('ZCOUNT', KEYS[3], '(' .. ARGV[2], '+inf')
  local stop = start + redis.call('ZCOUNT', KEYS[3], ARGV[2], ARGV[2])
  while start < stop do
    local middle = math.floor((start + stop) / 2)
    local id = redis.call('ZREVRANGE', KEYS[3], middle, middle)[1]
    if id < ARGV[3] or (rising and id == ARGV[3]) then
      stop = middle
    else
      start = middle + 1
    end
  end
  if rising then start = redis.call('ZCARD', KEYS[3]) - start end
end
local bodies, order, post = listed(KEYS[2], KEYS[3], start, tonumber(ARGV[1]),
  tonumber(ARGV[5]), rising)
return {'ok', bodies, order, post}
