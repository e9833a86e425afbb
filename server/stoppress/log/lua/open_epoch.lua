-- open_epoch.lua: put before every script that names a cursor. Sees to it that an epoch
-- ends when its history can no longer be proved; see scripts.py for the rule.
--
-- enter(meta, log, line, chance, life, at)
--   meta, log, line   key names: the feed's meta hash, its log, its channel
--   chance            a fresh random epoch and secret, `<epoch> <secret>`, used if one
--                     has to begin
--   life              the server's line of descent (data_lineage.lua), '' where it does not
--                     fsync every write before it answers
--   at                milliseconds since 1970
-- Returns nil if there is no such feed, else a table with epoch, seq (a number),
-- rev, pinned, born and secret (texts). Needs require_primary.lua, check_rights.lua and message_mark.lua.
--
-- anew(feed, meta, log, line, chance, at): end the epoch of such a table.
local function anew(feed, meta, log, line, chance, at)
  local epoch, secret = string.match(chance, '^(%S+) (.+)$')
  need('HSET', meta, '', '')
  need('UNLINK', log)
  need('SPUBLISH', line, '')
  -- Who follows it knows the former secret alone.
  local mark = marker(feed.secret, line)
  feed.epoch, feed.seq, feed.secret = epoch, 0, secret
  redis.call('HSET', meta, 'epoch', epoch, 'seq', '0', 'secret', secret)
  redis.call('UNLINK', log)
  tell(mark, line, epoch .. '-0', 'epoch', at)
end

local function enter(meta, log, line, chance, life, at)
  local info = replication()
  local held = redis.call('HMGET', meta,
    'epoch', 'seq', 'replid', 'life', 'born', 'rev', 'pinned', 'secret')
  local feed = {epoch = held[1], seq = tonumber(held[2]),
    born = held[5], rev = held[6], pinned = held[7], secret = held[8] or ''}
  if not feed.epoch then return nil end
  if feed.secret == '' then
    -- A former release made the epoch. Where nothing can be written, there is none.
    local secret = string.match(chance, '^%S+ (.+)$')
    local made = redis.pcall('HSET', meta, 'secret', secret)
    if type(made) == 'number' then feed.secret = secret end
  end
  local replid = string.match(info, 'master_replid:(%x+)')
  if not string.find(info, 'connected_slaves:0\r', 1, true) then life = '' end
  if held[3] == replid then
    -- The same life of the same server. What it writes now may be lost, once it has
    -- been seen unsure, or with a copy elsewhere: remember that.
    if held[4] ~= '' and life == '' then redis.call('HSET', meta, 'life', '') end
    return feed
  end
  local promoted = not string.find(info, 'master_replid2:0+\r')
  if life ~= '' and held[4] == life and not promoted then
    redis.call('HSET', meta, 'replid', replid)
    return feed
  end
  anew(feed, meta, log, line, chance, at)
  redis.call('HSET', meta, 'replid', replid, 'life', life)
  return feed
end

