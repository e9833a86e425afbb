-- add_audit_entry.lua: put before every script that adds to an audit. Needs need_acl_rights.lua.
--
-- An audit is a stream of JSON texts, made by the caller: who did what, from where, to
-- which members. It is added to in the same step as the write, and outlives its feed.
--
-- need_to_audit(audit): check the rights that add_audit needs.
local function need_to_audit(audit)
  need('XADD', audit, '*', '', '')
  need('XTRIM', audit, 'MAXLEN', '1')
  need('EXPIRE', audit, '1')
end

-- add_audit(audit, entry, oldest, ttl, most): add one entry ('': none). Entries older than
-- `oldest` (ms) are dropped, and those above `most`; the whole audit expires ttl seconds
-- after its last entry ('0': never).
local function add_audit(audit, entry, oldest, ttl, most)
  if entry == '' then return end
  redis.call('XADD', audit, 'MINID', '~', oldest, '*', 'entry', entry)
  redis.call('XTRIM', audit, 'MAXLEN', '~', most)
  if ttl ~= '0' then redis.call('EXPIRE', audit, ttl) end
end

