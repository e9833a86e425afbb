-- make_wait_cover_earlier_writes.lua: write a feed's head again. WAIT covers only the writes of its
-- own connection; after this write it covers every earlier write as well.
--
-- KEYS  1 meta  2 log  3 line
-- ARGV  1 chance  2 life  3 at
-- Returns {'ok', epoch, seq} or {'nofeed'}
need('HSET', KEYS[1], '', '')
local feed = enter(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3])
if not feed then return {'nofeed'} end
local seq = string.format('%.0f', feed.seq)
redis.call('HSET', KEYS[1], 'seq', seq)
return {'ok', feed.epoch, seq}
