-- read_head.lua: the head of a feed's log.
--
-- KEYS  1 meta  2 log  3 line
-- ARGV  1 chance  2 life  3 at
-- Returns {'ok', epoch, seq} or {'nofeed'}
local feed = enter(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3])
if not feed then return {'nofeed'} end
return {'ok', feed.epoch, string.format('%.0f', feed.seq)}
