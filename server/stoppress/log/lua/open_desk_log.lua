-- open_desk_log.lua: create a feed's desk log, unless it has one of this feed (not of a
-- former feed of its slug).
--
-- KEYS  1 meta of the feed
--       2 meta  3 log  4 line  5 posts  6 order  7 ext  8 revisions  9 presence: of its
--       desk log
-- ARGV  1 epoch  2 life  3 body  4 secret  5 at
-- Returns {'ok'} or {'nofeed'}
need('HGET', KEYS[1], '')
need('HSET', KEYS[2], '', '')
need('UNLINK', KEYS[2], KEYS[3], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9])
need('SPUBLISH', KEYS[4], '')
local info = replication()
local born = redis.call('HGET', KEYS[1], 'born')
if not born then return {'nofeed'} end
local was = redis.call('HMGET', KEYS[2], 'of', 'epoch', 'seq', 'secret')
if was[1] == born then return {'ok'} end
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9])
local alone = string.find(info, 'connected_slaves:0\r', 1, true)
redis.call('HSET', KEYS[2], 'of', born, 'born', ARGV[1], 'epoch', ARGV[1], 'seq', '0',
  'replid', string.match(info, 'master_replid:(%x+)'), 'life', alone and ARGV[2] or '',
  'rev', '1', 'feed', ARGV[3], 'pinned', '', 'secret', ARGV[4])
if was[2] then
  tell(marker(was[4], KEYS[4]), KEYS[4], was[2] .. '-' .. was[3], 'end', ARGV[5])
end
return {'ok'}
