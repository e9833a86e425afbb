-- find_repeated_write.lua: put before every script that minds an Idempotency-Key. Needs check_rights.lua.
--
-- A record is "cursor\nborn\npost\nfingerprint" (born: the feed's, or empty where the
-- record outlives the feed). It holds no text of a post.
--
-- need_to_recollect(idem): see to it that what is below is allowed.
local function need_to_recollect(idem)
  need('GET', idem)
  need('SET', idem, '')
end

-- recollect(idem, fingerprint, born)
--   born   the feed's, or nil where records of former feeds of the slug count too
-- Returns nil if the key is new, else the script's answer.
local function recollect(idem, fingerprint, born)
  if fingerprint == '' then return nil end
  local record = redis.call('GET', idem)
  if not record then return nil end
  local cursor, of, post, was = string.match(record, '^(.-)\n(.-)\n(.-)\n(.*)$')
  if of ~= '' and of ~= born then return nil end
  if was ~= fingerprint then return {'reused'} end
  -- A write, so that WAIT has something to wait for: without it, it can confirm
  -- what never left this server.
  redis.call('SET', idem, record, 'KEEPTTL')
  return {'repeated', cursor, post}
end

-- keep(idem, fingerprint, born, cursor, post, ttl): remember a write for ttl seconds.
local function keep(idem, fingerprint, born, cursor, post, ttl)
  if fingerprint == '' then return end
  redis.call('SET', idem, table.concat({cursor, born, post, fingerprint}, '\n'),
    'EX', ttl)
end

