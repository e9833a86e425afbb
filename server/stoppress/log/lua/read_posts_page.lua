-- read_posts_page.lua: posts in order, after a place that may hold no post any more.
--
-- KEYS  1 meta  2 posts  3 order
-- ARGV  1 limit (1 or more)  2 order, 3 post of the place ('' and '' for the first)
--       4 '1' to rise: the oldest first, and then what is newer than the place
-- Returns {'ok', bodies, next order, next post} ('' and '': no more) or {'nofeed'}
if redis.call('EXISTS', KEYS[1]) == 0 then return {'nofeed'} end
local rising = ARGV[4] == '1'
local start = 0
if ARGV[2] ~= '' then
  -- Posts of the same order stand by id, greatest first: halve them until the
  -- first id below the place (or, to rise, at it) is found.
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
local bodies, order, post = listed(KEYS[2], KEYS[3], start, tonumber(ARGV[1]), rising)
return {'ok', bodies, order, post}
