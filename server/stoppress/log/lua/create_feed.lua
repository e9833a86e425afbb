-- create_feed.lua: create a feed, with a new epoch, at seq 0.
--
-- KEYS  1 meta  2 log  3 posts  4 order  5 ext  6 revisions  7 idem  8 audit
-- ARGV  1 epoch  2 life  3 body  4 fingerprint ('' for none)  5 ttl, in s
--       6 rev  7 secret  8 audit entry  9 oldest  10 ttl  11 most
-- Returns {'ok'} or {'repeated', cursor, post} or {'reused'} or {'exists'}
need('EXISTS', KEYS[1])
need('HSET', KEYS[1], '', '')
need('UNLINK', KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6])
need_to_recollect(KEYS[7])
need_to_audit(KEYS[8])
local info = replication()
local repeated = recollect(KEYS[7], ARGV[4], nil)
if repeated then return repeated end
if redis.call('EXISTS', KEYS[1]) == 1 then return {'exists'} end
local alone = string.find(info, 'connected_slaves:0\r', 1, true)
redis.call('HSET', KEYS[1], 'born', ARGV[1], 'epoch', ARGV[1], 'seq', '0',
  'replid', string.match(info, 'master_replid:(%x+)'),
  'life', alone and ARGV[2] or '',
  'rev', ARGV[6], 'feed', ARGV[3], 'pinned', '', 'secret', ARGV[7])
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6])
add_audit(KEYS[8], ARGV[8], ARGV[9], ARGV[10], ARGV[11])
keep(KEYS[7], ARGV[4], '', ARGV[1] .. '-0', '', ARGV[5])
return {'ok'}
