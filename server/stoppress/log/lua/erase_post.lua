-- erase_post.lua: erase everything of a withdrawn post, for good, with an audit entry. Needs
-- keep_revision.lua and add_audit_entry.lua.
--
-- KEYS  1 meta  2 posts  3 revisions  4 audit  5 texts of the desk
-- ARGV  1 post  2 the record of the takedown  3 audit entry  4 oldest  5 ttl  6 most
-- Returns {'ok', rev} or {'nofeed'} or {'nopost', post} or {'live'}
need('EXISTS', KEYS[1])
need('HGET', KEYS[2], '')
need_to_keep_revision(KEYS[3])
need_to_audit(KEYS[4])
need('HDEL', KEYS[5], '')
if redis.call('EXISTS', KEYS[1]) == 0 then return {'nofeed'} end
local value = redis.call('HGET', KEYS[2], ARGV[1])
if not value then return {'nopost', ARGV[1]} end
local rev = string.match(value, '^(%d+) $')
if not rev then return {'live'} end
local head = redis.call('HGET', KEYS[3], ARGV[1]) or ' \n'
for earlier in string.gmatch(string.match(head, '^.-\n'), '(%d+):%d+') do
  redis.call('HDEL', KEYS[3], ARGV[1] .. ' ' .. earlier)
end
redis.call('HDEL', KEYS[5], 'notes ' .. ARGV[1])
redis.call('HSET', KEYS[3], ARGV[1], 'taken down\n' .. ARGV[2])
add_audit(KEYS[4], ARGV[3], ARGV[4], ARGV[5], ARGV[6])
return {'ok', rev}
