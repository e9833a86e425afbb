-- publish_draft.lua: write.lua for a post made from a draft; the same step removes the
-- draft from the desk log. However many callers try, a draft is published at most once.
--
-- KEYS  1 to 9 as in write.lua, of the feed
--       10 meta  11 log  12 line  13 posts  14 order  15 ext  16 revisions: of its desk log
-- ARGV  as in write.lua, and after the audit: chance of the desk log, then one change, to
--       the draft
-- Returns what write.lua does, or {'draft', answer of write.lua about the draft}
local keys, desk = {unpack(KEYS, 1, 7)}, {unpack(KEYS, 10, 16)}
need_to_change(keys)
need_to_change(desk)
need_to_recollect(KEYS[8])
need_to_audit(KEYS[9])
need('XREVRANGE', KEYS[11], '+', '-', 'COUNT', '1')
local feed = enter(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3])
if not feed then return {'nofeed'} end
local repeated = recollect(KEYS[8], ARGV[7], feed.born)
if repeated then
  local cursor = string.format('%s-%.0f', feed.epoch, feed.seq)
  tell(marker(feed.secret, KEYS[3]), KEYS[3], cursor, 'epoch', ARGV[3])
  return repeated
end
local last = 14 + (tonumber(ARGV[10]) - 1) * SIZE
local chance, draft = last + 12, last + 13
local log = enter(KEYS[10], KEYS[11], KEYS[12], ARGV[chance], ARGV[2], ARGV[3])
if not log or redis.call('HGET', KEYS[10], 'of') ~= feed.born then
  return {'draft', {'nopost', ARGV[draft + 1]}}
end
local newest = redis.call('XREVRANGE', KEYS[11], '+', '-', 'COUNT', '1')[1]
if newest and tonumber(string.match(newest[1], '^(%d+)')) > log.seq then
  error({err = 'ERR user_script the desk log is ahead of its meta'})
end
local fault, draft_plan = find_fault(desk, log, draft, draft)
if fault then return {'draft', fault} end
local post_fault, plan = find_fault(keys, feed, 14, last)
if post_fault then return post_fault end
local repin = ARGV[5] ~= ARGV[6]
if repin and feed.pinned ~= ARGV[5] then return {'pin'} end
local kept = {at = ARGV[3], events = ARGV[4], age = ARGV[9], about = ARGV[11],
  revisions = ARGV[12], bytes = ARGV[13]}
local seq, gone, dropped = apply(keys, feed, 14, last, plan, kept)
kept.revisions = '0'
apply(desk, log, draft, draft, draft_plan, kept)
if repin then redis.call('HSET', KEYS[1], 'pinned', ARGV[6]) end
local head = string.format('%.0f', seq)
local cursor = feed.epoch .. '-' .. head
-- A caller that publishes it again is told as which post it was published.
redis.call('HSET', KEYS[15], ARGV[draft + 1], ARGV[last + 1] .. ' ' .. cursor)
add_audit(KEYS[9], ARGV[last + 8], ARGV[last + 9], ARGV[last + 10], ARGV[last + 11])
keep(KEYS[8], ARGV[7], feed.born, cursor, ARGV[last + 1], ARGV[8])
announce(keys, feed, 14, last, ARGV[3])
announce(desk, log, draft, draft, ARGV[3])
return {'ok', feed.epoch, head, ARGV[last + 1], gone, dropped}
