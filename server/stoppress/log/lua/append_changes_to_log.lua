-- append_changes_to_log.lua: put before every script that changes posts or drafts. Needs
-- need_acl_rights.lua, message_hmac.lua, trim_event_log_by_age.lua and keep_revision.lua.
--
-- `keys` are the names of one log: meta, log, line, posts, order, ext, revisions; where a
-- change may have a base, also the revisions of the base's feed. `feed` is what `enter`
-- returns. A change is SIZE arguments, from `first` to `last` the first of each:
--   type  post  expected rev  rev  body ('' withdraws)  order  external id
--   '1' if the post is to be withdrawn at the expected rev, and comes back
--   base: the post that a draft changes, which may not be taken down ('' for none)
-- It parses no JSON: bodies arrive encoded and are passed on unchanged. Everything is
-- checked (`find_fault`) before anything is written (`apply`), and written before
-- anything is announced (`announce`). Several writes may do so one after the other; then
-- `finish` is called once.
local SIZE = 9

-- need_to_change(keys): check the rights that the functions below need.
local function need_to_change(keys)
  need('HSET', keys[1], '', '')
  need('HGET', keys[1], '')
  need('XADD', keys[2], '*', '', '')
  need_to_trim_by_age(keys[2])
  need('SPUBLISH', keys[3], '')
  need('HGET', keys[4], '')
  need('HSET', keys[4], '', '')
  need('ZADD', keys[5], '0', '')
  need('ZREM', keys[5], '')
  need('ZCARD', keys[5])
  need('HGET', keys[6], '')
  need('HSET', keys[6], '', '')
  need_to_keep_revision(keys[7])
  if keys[8] then need('HGET', keys[8], '') end
end

local function held(keys, post)
  local value = redis.call('HGET', keys[4], post)
  if not value then return nil end
  local space = string.find(value, ' ', 1, true)
  return string.sub(value, 1, space - 1), string.sub(value, space + 1)
end

-- find_fault(keys, feed, first, last): the answer that refuses the changes, or nil and what
-- `apply` needs to know.
local function find_fault(keys, feed, first, last)
  local new, was = {}, {}
  for i = first, last, SIZE do
    local post, expected, external = ARGV[i + 1], ARGV[i + 2], ARGV[i + 6]
    if post == '' then
      if feed.rev ~= expected then
        return {'stale', expected, feed.rev, redis.call('HGET', keys[1], 'feed')}
      end
    else
      local rev, body = held(keys, post)
      local returns = ARGV[i + 7] == '1'
      if body == '' then
        if is_taken_down(keys[7], post) then return {'down', post, rev} end
        if not returns or rev ~= expected then return {'gone', post, rev} end
      elseif rev and (returns or rev ~= expected) then
        return {'stale', expected, rev, body}
      end
      was[i] = {rev, body}
      if not rev and expected ~= '0' then return {'nopost', post} end
      local base = ARGV[i + 8]
      if base ~= '' and is_taken_down(keys[8], base) then return {'down', base, '0'} end
      if not rev and external ~= '' then
        local owner = redis.call('HGET', keys[6], external)
        if owner then
          local _, text = held(keys, owner)
          -- The client may repeat it because its outcome was unknown:
          -- a write, so that this answer is waited for (see make_wait_cover_earlier_writes.lua).
          redis.call('HSET', keys[1], 'seq', string.format('%.0f', feed.seq))
          return {'taken', external, owner, text or ''}
        end
        new[i] = true
      end
    end
  end
  if not feed.is_checked then
    -- A key of another type is refused here: later, half of the change would be written. By
    -- reads: after the first write a script is no longer refused for lack of memory.
    redis.call('ZCARD', keys[5])
    redis.call('HGET', keys[6], '')
    redis.call('HGET', keys[7], '')
    feed.is_checked = true
  end
  return nil, {new = new, was = was}
end

-- apply(keys, feed, first, last, plan, kept): write the changes, and move feed.seq.
--   kept   at (ms), events kept, what is kept of who changes it, revisions per post,
--          bytes of them
-- Returns how many revisions were dropped.
local function apply(keys, feed, first, last, plan, kept)
  -- The stream first: it is the only one that could still refuse (an id that is not
  -- greater than the last), and then nothing else has happened.
  local seq = feed.seq
  for i = first, last, SIZE do
    seq = seq + 1
    redis.call('XADD', keys[2], 'MAXLEN', '~', kept.events, string.format('%.0f-0', seq),
      'type', ARGV[i], 'post', ARGV[i + 1], 'rev', ARGV[i + 3], 'at', kept.at)
  end
  feed.seq = seq
  feed.last_at = kept.at
  local dropped = 0
  for i = first, last, SIZE do
    local post, rev, body = ARGV[i + 1], ARGV[i + 3], ARGV[i + 4]
    if post == '' then
      redis.call('HSET', keys[1], 'rev', rev, 'feed', body)
      feed.rev = rev
    else
      local before = plan.was[i]
      dropped = dropped + keep_revision(keys[7], post, before[1], before[2], rev,
        kept.about, tonumber(kept.revisions), tonumber(kept.bytes))
      redis.call('HSET', keys[4], post, rev .. ' ' .. body)
      if body == '' then
        redis.call('ZREM', keys[5], post)
      else
        redis.call('ZADD', keys[5], ARGV[i + 5], post)
      end
      if plan.new[i] then redis.call('HSET', keys[6], ARGV[i + 6], post) end
    end
  end
  return dropped
end

-- announce(keys, feed, first, last, at): tell the changes that were just applied, once they
-- are kept with their Idempotency-Key. The mark of an event goes before it, on its own:
-- former releases take it for a bell that tells them nothing new, and read the event,
-- whose form is the same.
local function announce(keys, feed, first, last, at)
  feed.mark = feed.mark or marker(feed.secret, keys[3])
  local seq = feed.seq - (last - first) / SIZE - 1
  for i = first, last, SIZE do
    local message = string.format('%s-%.0f %s %s %s\n',
      feed.epoch, seq + 1, ARGV[i], at, ARGV[i + 1]) .. ARGV[i + 4]
    redis.call('SPUBLISH', keys[3], string.format('%s-%.0f epoch %s +%s\n',
      feed.epoch, seq, at, feed.mark(message)))
    redis.call('SPUBLISH', keys[3], message)
    seq = seq + 1
  end
end

-- finish(keys, feed, age, writes): keep the seq that the changes reached, and drop events
-- older than `age` (s, 0: any). `writes`: how many writes applied changes. Returns how many
-- events were dropped.
local function finish(keys, feed, age, writes)
  redis.call('HSET', keys[1], 'seq', string.format('%.0f', feed.seq))
  return trim_by_age(keys[2], tonumber(feed.last_at), tonumber(age), writes)
end

