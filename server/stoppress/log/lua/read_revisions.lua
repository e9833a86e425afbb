-- read_revisions.lua: a post's earlier states. Needs keep_revision.lua.
--
-- KEYS  1 meta  2 posts  3 revisions
-- ARGV  1 post
-- Returns {'ok', rev, state, rev of the newest known state, earlier states} or
--   {'nofeed'} or {'nopost', post}
--   state: 'live', 'withdrawn' or 'taken down'
--   earlier states: rev, about and body of each, newest first, one after the other
if redis.call('EXISTS', KEYS[1]) == 0 then return {'nofeed'} end
local value = redis.call('HGET', KEYS[2], ARGV[1])
if not value then return {'nopost', ARGV[1]} end
local rev, body = string.match(value, '^(%S+) (.*)$')
local state = body == '' and 'withdrawn' or 'live'
if is_taken_down(KEYS[3], ARGV[1]) then return {'ok', rev, 'taken down', '', {}} end
local head = redis.call('HGET', KEYS[3], ARGV[1]) or ' \n'
local of, kept = string.match(head, '^(%S*) (.-)\n')
local names, revs = {}, {}
for earlier in string.gmatch(kept, '(%d+):%d+') do
  revs[#revs + 1] = earlier
  names[#names + 1] = ARGV[1] .. ' ' .. earlier
end
local found = {}
if #names > 0 then
  for i, text in ipairs(redis.call('HMGET', KEYS[3], unpack(names))) do
    if text then
      local about, earlier = string.match(text, '^(.-)\n(.*)$')
      local n = #found
      found[n + 1], found[n + 2], found[n + 3] = revs[i], about, earlier
    end
  end
end
return {'ok', rev, state, of, found}
