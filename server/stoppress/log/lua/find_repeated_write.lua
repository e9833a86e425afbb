-- find_repeated_write.lua: put before every script that takes an Idempotency-Key. Needs need_acl_rights.lua.
--
-- A record is "cursor\nborn\npost\nfingerprint" (born: the feed's, or empty if the record
-- outlives the feed). It contains no text of a post.
--
-- need_to_recollect(idem): check the rights that recollect and keep need.
local function need_to_recollect(idem)
  need('GET', idem)
  need('SET', idem, '')
end

-- recollect(idem, fingerprint, born)
--   born   the feed's, or nil if records of former feeds of the slug count too
-- Returns nil if the key is new, else the script's answer.
local function recollect(idem, fingerprint, born)
  if fingerprint == '' then return nil end
  local record = redis.call('GET', idem)
  if not record then return nil end
  local cursor, of, post, was = string.match(record, '^(.-)\n(.-)\n(.-)\n(.*)$')
  if of ~= '' and of ~= born then return nil end
  if was ~= fingerprint then return {'reused'} end
  -- A write, so that WAIT waits: without a write of its own it confirms at once,
  -- although the record may not have reached a replica.
  redis.call('SET', idem, record, 'KEEPTTL')
  return {'repeated', cursor, post}
end

-- keep(idem, fingerprint, born, cursor, post, ttl): store a write's record for ttl seconds.
local function keep(idem, fingerprint, born, cursor, post, ttl)
  if fingerprint == '' then return end
  redis.call('SET', idem, table.concat({cursor, born, post, fingerprint}, '\n'),
    'EX', ttl)
end

