-- publish_draft.lua: write.lua for a post made from a draft; the same step removes the
-- draft from the desk log. However many callers try, a draft is published at most once.
--
-- KEYS  1 to 10 as in write.lua, of the feed and of one write
--       11 meta  12 log  13 line  14 posts  15 order  16 ext  17 revisions: of its desk log
-- ARGV  as in write.lua, of one write, and then: chance of the desk log, one change, to the
--       draft
-- Returns what write.lua does of one write, or {'draft', that about the draft}
local keys, desk = {unpack(KEYS, 1, 7)}, {unpack(KEYS, 11, 17)}
need_to_change(keys)
need_to_change(desk)
need_to_recollect(KEYS[10])
need_to_audit(KEYS[8])
need('XREVRANGE', KEYS[12], '+', '-', 'COUNT', '1')
local at, before, after, fingerprint = unpack(ARGV, 11, 14)
local feed = enter(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], at)
if not feed then return {'nofeed'} end
local repeated = recollect(KEYS[10], fingerprint, feed.born)
if repeated then
  local cursor = string.format('%s-%.0f', feed.epoch, feed.seq)
  tell(marker(feed.secret, KEYS[3]), KEYS[3], cursor, 'epoch', at)
  return repeated
end
local first = 18
local last = first + (ARGV[17] - 1) * SIZE
local chance, draft = last + SIZE, last + SIZE + 1
local log = enter(KEYS[11], KEYS[12], KEYS[13], ARGV[chance], ARGV[2], at)
if not log or redis.call('HGET', KEYS[11], 'of') ~= feed.born then
  return {'draft', {'nopost', ARGV[draft + 1]}}
end
local newest = redis.call('XREVRANGE', KEYS[12], '+', '-', 'COUNT', '1')[1]
if newest and tonumber(string.match(newest[1], '^(%d+)')) > log.seq then
  error({err = 'ERR user_script the desk log is ahead of its meta'})
end
local fault, draft_plan = find_fault(desk, log, draft, draft)
if fault then return {'draft', fault} end
local post_fault, plan = find_fault(keys, feed, first, last)
if post_fault then return post_fault end
local repin = before ~= after
if repin and feed.pinned ~= before then return {'pin'} end
local kept = {at = at, events = ARGV[3], about = ARGV[15], revisions = ARGV[6],
  bytes = ARGV[7]}
local dropped = apply(keys, feed, first, last, plan, kept)
local gone = finish(keys, feed, ARGV[4], 1)
kept.revisions = '0'
apply(desk, log, draft, draft, draft_plan, kept)
finish(desk, log, ARGV[4], 1)
if repin then redis.call('HSET', KEYS[1], 'pinned', after) end
local head = string.format('%.0f', feed.seq)
local cursor = feed.epoch .. '-' .. head
-- A caller that publishes it again is told as which post it was published.
redis.call('HSET', KEYS[16], ARGV[draft + 1], ARGV[last + 1] .. ' ' .. cursor)
add_audit(KEYS[8], ARGV[16], ARGV[8], ARGV[9], ARGV[10])
keep(KEYS[10], fingerprint, feed.born, cursor, ARGV[last + 1], ARGV[5])
announce(keys, feed, first, last, at)
announce(desk, log, draft, draft, at)
return {'ok', feed.epoch, head, ARGV[last + 1], gone, dropped}
