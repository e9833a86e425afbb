-- write.lua: make changes to one feed in one step, or refuse them all.
-- Parses no JSON: bodies come in encoded and go out as they came.
--
-- KEYS  1 meta  2 log  3 line  4 posts  5 order  6 ext  7 idem
-- ARGV  1 chance  2 life  3 at  4 events kept  5 pinned before  6 pinned after
--       7 fingerprint ('' for none)  8 ttl of the idempotency record, in s
--       9 age of the oldest event kept, in s (0: any)
--       10 number of changes, then for each, from 11 on:
--         type  post  expected rev  rev  body ('' withdraws)  order  external id
-- Returns {'ok', epoch, seq, post, events let go by age} or {'repeated', cursor, post} or {'reused'} or
--   {'nofeed'} or {'nopost', post} or {'gone', post} or {'pin'} or
--   {'stale', expected, rev, body} or {'taken', external id, post, body}
need('HSET', KEYS[1], '', '')
need('HGET', KEYS[1], '')
need('XADD', KEYS[2], '*', '', '')
need_to_let_go(KEYS[2])
need('SPUBLISH', KEYS[3], '')
need('HSET', KEYS[4], '', '')
need('ZADD', KEYS[5], '0', '')
need('ZREM', KEYS[5], '')
need('HSET', KEYS[6], '', '')
need_to_recollect(KEYS[7])
local feed = enter(KEYS[1], KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV[3])
if not feed then return {'nofeed'} end
local repeated = recollect(KEYS[7], ARGV[7], feed.born)
if repeated then
  -- Perhaps nobody heard of it: whoever lacks it reads the log.
  local cursor = string.format('%s-%.0f', feed.epoch, feed.seq)
  tell(marker(feed.secret, KEYS[3]), KEYS[3], cursor, 'epoch', ARGV[3])
  return repeated
end

local function held(post)
  local value = redis.call('HGET', KEYS[4], post)
  if not value then return nil end
  local space = string.find(value, ' ', 1, true)
  return string.sub(value, 1, space - 1), string.sub(value, space + 1)
end

-- Everything is checked before anything is written.
local last = 11 + (tonumber(ARGV[10]) - 1) * 7
local new = {}
for i = 11, last, 7 do
  local post, expected, external = ARGV[i + 1], ARGV[i + 2], ARGV[i + 6]
  if post == '' then
    if feed.rev ~= expected then
      return {'stale', expected, feed.rev, redis.call('HGET', KEYS[1], 'feed')}
    end
  else
    local rev, body = held(post)
    if body == '' then return {'gone', post} end
    if rev and rev ~= expected then return {'stale', expected, rev, body} end
    if not rev and expected ~= '0' then return {'nopost', post} end
    if not rev and external ~= '' then
      local owner = redis.call('HGET', KEYS[6], external)
      if owner then
        local _, text = held(owner)
        -- Whoever sent it may ask again because nobody could say that it is kept:
        -- a write, so that this answer is waited for (see confirm_head.lua).
        redis.call('HSET', KEYS[1], 'seq', string.format('%.0f', feed.seq))
        return {'taken', external, owner, text or ''}
      end
      new[i] = true
    end
  end
end
local repin = ARGV[5] ~= ARGV[6]
if repin and feed.pinned ~= ARGV[5] then return {'pin'} end

-- The stream first: it is the only one that could still refuse (an id that is not
-- greater than the last), and then nothing else has happened.
local seq = feed.seq
for i = 11, last, 7 do
  seq = seq + 1
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], string.format('%.0f-0', seq),
    'type', ARGV[i], 'post', ARGV[i + 1], 'rev', ARGV[i + 3], 'at', ARGV[3])
end
local gone = let_go(KEYS[2], tonumber(ARGV[3]), tonumber(ARGV[9]))
local head = string.format('%.0f', seq)
redis.call('HSET', KEYS[1], 'seq', head)
if repin then redis.call('HSET', KEYS[1], 'pinned', ARGV[6]) end
for i = 11, last, 7 do
  local post, rev, body = ARGV[i + 1], ARGV[i + 3], ARGV[i + 4]
  if post == '' then
    redis.call('HSET', KEYS[1], 'rev', rev, 'feed', body)
  else
    redis.call('HSET', KEYS[4], post, rev .. ' ' .. body)
    if body == '' then
      redis.call('ZREM', KEYS[5], post)
    else
      redis.call('ZADD', KEYS[5], ARGV[i + 5], post)
    end
    if new[i] then redis.call('HSET', KEYS[6], ARGV[i + 6], post) end
  end
end
keep(KEYS[7], ARGV[7], feed.born, feed.epoch .. '-' .. head, ARGV[last + 1], ARGV[8])

-- Nothing is told before it is kept, with its key. The mark of an event goes before it,
-- on its own: former releases take it for a bell that tells them nothing new, and read
-- the event, whose form has not changed.
local mark = marker(feed.secret, KEYS[3])
seq = feed.seq
for i = 11, last, 7 do
  local message = string.format('%s-%.0f %s %s %s\n',
    feed.epoch, seq + 1, ARGV[i], ARGV[3], ARGV[i + 1]) .. ARGV[i + 4]
  redis.call('SPUBLISH', KEYS[3], string.format('%s-%.0f epoch %s +%s\n',
    feed.epoch, seq, ARGV[3], mark(message)))
  redis.call('SPUBLISH', KEYS[3], message)
  seq = seq + 1
end
return {'ok', feed.epoch, head, ARGV[last + 1], gone}
