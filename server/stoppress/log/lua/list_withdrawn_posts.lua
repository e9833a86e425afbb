-- list_withdrawn_posts.lua: the records of withdrawn posts, in pieces of the hashes. Needs
-- keep_revision.lua.
--
-- KEYS  1 meta  2 posts  3 ext  4 revisions
-- ARGV  1 'ext' (those that hold an external id) or 'posts' (all)
--       2 position in the hash ('0' to begin)  3 approximate number of fields to scan
-- Returns {'ok', next position ('0': finished), found} or {'nofeed'}
--   found: post, rev, external id ('' if not looked for) and whether it was taken down (1
--   or 0) of each, one after the other
if redis.call('EXISTS', KEYS[1]) == 0 then return {'nofeed'} end
local found = {}
local function look(post, value, external)
  local rev = value and string.match(value, '^(%d+) $')
  if not rev then return end
  local n = #found
  found[n + 1], found[n + 2], found[n + 3] = post, rev, external
  found[n + 4] = is_taken_down(KEYS[4], post) and 1 or 0
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
