-- erase_post.lua: erase everything of a withdrawn post, for good. Needs keep_revision.lua.
--
-- KEYS  1 meta  2 posts  3 revisions
-- ARGV  1 post  2 the record of the takedown
-- Returns {'ok', rev} or {'nofeed'} or {'nopost', post} or {'live'}
need('EXISTS', KEYS[1])
need('HGET', KEYS[2], '')
need_to_keep_revision(KEYS[3])
if redis.call('EXISTS', KEYS[1]) == 0 then return {'nofeed'} end
local value = redis.call('HGET', KEYS[2], ARGV[1])
if not value then return {'nopost', ARGV[1]} end
local rev = string.match(value, '^(%d+) $')
if not rev then return {'live'} end
local head = redis.call('HGET', KEYS[3], ARGV[1]) or ' \n'
for earlier in string.gmatch(string.match(head, '^.-\n'), '(%d+):%d+') do
  redis.call('HDEL', KEYS[3], ARGV[1] .. ' ' .. earlier)
end
redis.call('HSET', KEYS[3], ARGV[1], 'taken down\n' .. ARGV[2])
return {'ok', rev}
