-- write.lua: make one or more writes to one feed, in one step. Each is made whole or refused,
-- whatever becomes of the others; a write finds what the ones before it made.
--
-- KEYS  1 meta  2 log  3 line  4 posts  5 order  6 ext  7 revisions  8 audit
--       9 revisions of the feed whose posts drafts change
--       and from 10 on, of each write: idem
-- ARGV  1 chance  2 life  3 events kept  4 age of the oldest event kept, in s (0: no limit)
--       5 ttl of the idempotency records, in s  6 revisions per post  7 bytes of them
--       8 oldest  9 ttl  10 most: of the audit (add_audit_entry.lua)
--       and from 11 on, of each write: at  pinned before  pinned after
--       fingerprint ('' for none)  the `about` of the new states  audit entry
--       number of changes  and the changes (append_changes_to_log.lua)
-- Returns of each write {'ok', epoch, seq, post, events dropped by age, revisions dropped} or
--   {'repeated', cursor, post} or {'reused'} or {'nofeed'} or {'nopost', post} or
--   {'gone', post, rev} or {'down', post or base, rev (of a base: 0)} or {'pin'} or
--   {'stale', expected, rev, body} or {'taken', external id, post, body} or the error of
--   what it found damaged
local FIRST, OWN = 11, 7
local OTHERS = 9
local keys, audit = {unpack(KEYS, 1, 7)}, KEYS[8]
keys[8] = KEYS[9]
need_to_change(keys)
need_to_audit(audit)
local starts, start = {}, FIRST
for number = 1, #KEYS - OTHERS do
  if ARGV[start + 3] ~= '' then need_to_recollect(KEYS[OTHERS + number]) end
  starts[number] = start
  start = start + OWN + ARGV[start + 6] * SIZE
end
local feed = enter(keys[1], keys[2], keys[3], ARGV[1], ARGV[2], ARGV[FIRST])
local kept = {events = ARGV[3], revisions = ARGV[6], bytes = ARGV[7]}
local answers, done, is_audited = {}, {}, false

local function made(idem, own)
  local at, before, after, fingerprint = unpack(ARGV, own, own + 3)
  local repeated = recollect(idem, fingerprint, feed.born)
  if repeated then
    -- Perhaps no process received the write's message. Repeat it: a process that lacks
    -- the event then reads the log.
    local cursor = string.format('%s-%.0f', feed.epoch, feed.seq)
    tell(marker(feed.secret, keys[3]), keys[3], cursor, 'epoch', at)
    return repeated
  end
  local first = own + OWN
  local last = first + (ARGV[own + 6] - 1) * SIZE
  local fault, plan = find_fault(keys, feed, first, last)
  if fault then return fault end
  local repin = before ~= after
  if repin and feed.pinned ~= before then return {'pin'} end
  kept.at, kept.about = at, ARGV[own + 4]
  local dropped = apply(keys, feed, first, last, plan, kept)
  if repin then
    redis.call('HSET', keys[1], 'pinned', after)
    feed.pinned = after
  end
  local head, post = string.format('%.0f', feed.seq), ARGV[last + 1]
  is_audited = add_unbounded(audit, ARGV[own + 5], ARGV[8]) or is_audited
  keep(idem, fingerprint, feed.born, feed.epoch .. '-' .. head, post, ARGV[5])
  announce(keys, feed, first, last, at)
  local answer = {'ok', feed.epoch, head, post, 0, dropped}
  done[#done + 1] = answer
  return answer
end

for number, own in ipairs(starts) do
  if not feed then
    answers[number] = {'nofeed'}
  else
    local is_sound, answer = pcall(made, KEYS[OTHERS + number], own)
    if not is_sound and type(answer) == 'string' then answer = {err = 'ERR ' .. answer} end
    answers[number] = answer
  end
end
if feed and feed.last_at then
  local gone = finish(keys, feed, ARGV[4], #starts)
  if #done > 0 then done[#done][5] = gone end
end
if is_audited then bound_audit(audit, ARGV[9], ARGV[10]) end
return answers
