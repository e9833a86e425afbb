-- check_epoch_and_read_meta.lua: put before every script that names a cursor. Ends the epoch if its
-- history can no longer be proved complete; see epoch_rule_and_script_arguments.py for the rule.
--
-- enter(meta, log, line, chance, life, at)
--   meta, log, line   key names: the feed's meta hash, its log, its channel
--   chance            a fresh random epoch and secret, `<epoch> <secret>`, used if a new
--                     epoch begins
--   life              the server's lineage (read_data_lineage.lua), '' if it does not fsync
--                     every write before it answers
--   at                milliseconds since 1970
-- Returns nil if there is no such feed, else a table with epoch, seq (a number),
-- rev, pinned, born and secret (texts). Needs require_primary.lua, need_acl_rights.lua and message_hmac.lua.
--
-- anew(feed, meta, log, line, chance, at): end the epoch in such a table, and begin another.
local function anew(feed, meta, log, line, chance, at)
  local epoch, secret = string.match(chance, '^(%S+) (.+)$')
  need('HSET', meta, '', '')
  need('UNLINK', log)
  need('SPUBLISH', line, '')
  -- Followers only know the former secret.
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
    -- An earlier release made the epoch. If nothing can be written, there is no secret.
    local secret = string.match(chance, '^%S+ (.+)$')
    local made = redis.pcall('HSET', meta, 'secret', secret)
    if type(made) == 'number' then feed.secret = secret end
  end
  local replid = string.match(info, 'master_replid:(%x+)')
  if not string.find(info, 'connected_slaves:0\r', 1, true) then life = '' end
  if held[3] == replid then
    -- The server has not restarted. A write may be lost from now on if the server does not
    -- fsync, or has a replica: store that.
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

