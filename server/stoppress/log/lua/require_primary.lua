-- require_primary.lua: put before every script that needs a primary.
--
-- replication(): the server's INFO of its replication. On a replica it refuses, as a write
-- would be refused there: its data may be old, and what is published there reaches
-- no follower.
local function replication()
  local info = redis.call('INFO', 'replication')
  if not string.find(info, 'role:master', 1, true) then
    error({err = 'READONLY this server is a replica'})
  end
  return info
end

