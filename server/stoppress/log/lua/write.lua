-- write.lua: make changes to one feed in one step, or refuse them all.
--
-- KEYS  1 meta  2 log  3 line  4 posts  5 order  6 ext  7 revisions  8 idem  9 audit
-- ARGV  1 chance  2 life  3 at  4 events kept  5 pinned before  6 pinned after
--       7 fingerprint ('' for none)  8 ttl of the idempotency record, in s
--       9 age of the oldest event kept, in s (0: no limit)
--       10 number of changes
--       11 the `about` of the new states  12 revisions per post  13 bytes of them
--       then the changes, from 14 on (change_log.lua)
--       and after the last: audit entry  oldest  ttl  most (add_audit_entry.lua)
-- Returns {'ok', epoch, seq, post, events dropped by age, revisions dropped} or
--   {'repeated', cursor, post} or {'reused'} or {'nofeed'} or {'nopost', post} or
--   {'gone', post, rev} or {'down', post, rev} or {'pin'} or
--   {'stale', expected, rev, body} or {'taken', external id, post, body}
local keys = {unpack(KEYS, 1, 7)}
need_to_change(keys)
need_to_recollect(KEYS[8])
need_to_audit(KEYS[9])
local feed = enter(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3])
if not feed then return {'nofeed'} end
local repeated = recollect(KEYS[8], ARGV[7], feed.born)
if repeated then
  -- Perhaps no process received the write's message. Repeat it: a process that lacks
  -- the event then reads the log.
  local cursor = string.format('%s-%.0f', feed.epoch, feed.seq)
  tell(marker(feed.secret, KEYS[3]), KEYS[3], cursor, 'epoch', ARGV[3])
  return repeated
end
local last = 14 + (tonumber(ARGV[10]) - 1) * SIZE
local fault, plan = find_fault(keys, feed, 14, last)
if fault then return fault end
local repin = ARGV[5] ~= ARGV[6]
if repin and feed.pinned ~= ARGV[5] then return {'pin'} end
local kept = {at = ARGV[3], events = ARGV[4], age = ARGV[9], about = ARGV[11],
  revisions = ARGV[12], bytes = ARGV[13]}
local seq, gone, dropped = apply(keys, feed, 14, last, plan, kept)
if repin then redis.call('HSET', KEYS[1], 'pinned', ARGV[6]) end
local head = string.format('%.0f', seq)
add_audit(KEYS[9], ARGV[last + 8], ARGV[last + 9], ARGV[last + 10], ARGV[last + 11])
keep(KEYS[8], ARGV[7], feed.born, feed.epoch .. '-' .. head, ARGV[last + 1], ARGV[8])
announce(keys, feed, 14, last, ARGV[3])
return {'ok', feed.epoch, head, ARGV[last + 1], gone, dropped}
