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

-- bound_audit(audit, ttl, most): after entries were added, drop those above `most`; the
-- whole audit expires ttl seconds after its last entry ('0': never).
local function bound_audit(audit, ttl, most)
  redis.call('XTRIM', audit, 'MAXLEN', '~', most)
  if ttl ~= '0' then redis.call('EXPIRE', audit, ttl) end
end

-- add_unbounded(audit, entry, oldest): add one entry ('': none); those older than `oldest`
-- (ms) are dropped. Returns whether there was one: then bound_audit must follow.
local function add_unbounded(audit, entry, oldest)
  if entry == '' then return false end
  redis.call('XADD', audit, 'MINID', '~', oldest, '*', 'entry', entry)
  return true
end

-- add_audit(audit, entry, oldest, ttl, most): both.
local function add_audit(audit, entry, oldest, ttl, most)
  if add_unbounded(audit, entry, oldest) then bound_audit(audit, ttl, most) end
end

