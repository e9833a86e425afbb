-- list_withdrawn_posts.lua: what is left of withdrawn posts, a piece of the hashes at a time.
--
-- KEYS  1 meta  2 posts  3 ext
-- ARGV  1 'ext' (those that hold an external id) or 'posts' (all)
--       2 where to go on ('0' to begin)  3 fields looked at, about
-- Returns {'ok', where to go on ('0': through), found} or {'nofeed'}
--   found: post, rev, external id ('' if not looked for) of each, one after the other
if redis.call('EXISTS', KEYS[1]) == 0 then return {'nofeed'} end
local found = {}
local function look(post, value, external)
  local rev = value and string.match(value, '^(%d+) $')
  if not rev then return end
  local n = #found
  found[n + 1], found[n + 2], found[n + 3] = post, rev, external
end

local hash = ARGV[1] == 'ext' and KEYS[3] or KEYS[2]
local piece = redis.call('HSCAN', hash, ARGV[2], 'COUNT', ARGV[3])
local flat = piece[2]
for i = 1, #flat, 2 do
  if ARGV[1] == 'ext' then
    look(flat[i + 1], redis.call('HGET', KEYS[2], flat[i + 1]), flat[i])
  else
    look(flat[i], flat[i + 1], '')
  end
end
return {'ok', piece[1], found}
