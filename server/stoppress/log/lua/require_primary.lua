-- require_primary.lua: put before every script that needs a primary.
--
-- replication(): what the server says of its replication. Refuses, as a write would be
-- refused there, on a replica: what it holds may be old, and what is published on it
-- reaches nobody.
local function replication()
  local info = redis.call('INFO', 'replication')
  if not string.find(info, 'role:master', 1, true) then
    error({err = 'READONLY this server is a replica'})
  end
  return info
end

