-- read_log_window.lua: a piece of a feed's log, and the current state of the posts in it.
-- Bounded, so that no reader of a log blocks the server: a caller that wants more calls
-- again. A post of several events is sent once.
--
-- KEYS  1 meta  2 log  3 line  4 posts
-- ARGV  1 chance  2 life  3 at  4 'back' (newest first) or 'on' (oldest first)
--       5 seq to begin after ('' for the end of the log)  6 events, at most
--       7 bytes of bodies, at most (each event counts its own); at least one event
-- Returns {'ok', epoch, seq, feed, events, posts, bodies, secret} or {'nofeed'}
--   events: id, type, at, post of each, one after the other, in the requested order
local feed = enter(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3])
if not feed then return {'nofeed'} end
local body = redis.call('HGET', KEYS[1], 'feed') or ''
local entries
if ARGV[4] == 'on' then
  entries = redis.call('XRANGE', KEYS[2], '(' .. ARGV[5] .. '-0', '+', 'COUNT', ARGV[6])
else
  local from = ARGV[5] == '' and '+' or '(' .. ARGV[5] .. '-0'
  entries = redis.call('XREVRANGE', KEYS[2], from, '-', 'COUNT', ARGV[6])
end
local events, posts, bodies, size = {}, {}, {}, {['']= #body}
local left = tonumber(ARGV[7])
for i, entry in ipairs(entries) do
  -- Fields are read by name, and a missing one is empty: another release may have
  -- written the entry.
  local of = {type = '', post = '', at = ''}
  for f = 1, #entry[2], 2 do of[entry[2][f]] = entry[2][f + 1] end
  local post = of.post
  if not size[post] then
    local value = redis.call('HGET', KEYS[4], post) or ' '
    local text = string.sub(value, string.find(value, ' ', 1, true) + 1)
    size[post] = #text
    if i == 1 or size[post] <= left then
      posts[#posts + 1] = post
      bodies[#bodies + 1] = text
    end
  end
  left = left - size[post]
  if left < 0 and i > 1 then break end
  local n = #events
  events[n + 1], events[n + 2], events[n + 3], events[n + 4] =
    entry[1], of.type, of.at, post
end
return {'ok', feed.epoch, string.format('%.0f', feed.seq), body, events, posts, bodies,
  feed.secret}
