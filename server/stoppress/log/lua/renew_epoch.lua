-- renew_epoch.lua: begin a new epoch, if the log ends before an event that was received.
--
-- KEYS  1 meta  2 log  3 line
-- ARGV  1 chance  2 life  3 at  4 epoch  5 seq of the event
-- Returns {'ok', epoch, seq} or {'nofeed'}
local feed = enter(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3])
if not feed then return {'nofeed'} end
if feed.epoch == ARGV[4] and feed.seq < tonumber(ARGV[5]) then
  anew(feed, KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[3])
end
return {'ok', feed.epoch, string.format('%.0f', feed.seq)}
