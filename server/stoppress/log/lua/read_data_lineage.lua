-- read_data_lineage.lua: the lineage of this server's data; read for each new connection.
-- See epoch_rule_and_script_arguments.py for the rule.
--
-- KEYS  1 node
-- ARGV  1 chance  2 "1" if this server fsyncs every write before it answers
--       3 the identity of its data folder ('' if unknown)
-- Returns the lineage: chance, if a new one begins. Refuses on a replica.
local info = replication()
local held = redis.call('HMGET', KEYS[1], 'life', 'replid', 'sure', 'place')
local replid = string.match(info, 'master_replid:(%x+)')
local alone = string.find(info, 'connected_slaves:0\r', 1, true)
local promoted = not string.find(info, 'master_replid2:0+\r')
local now = (ARGV[2] == '1' and alone) and '1' or '0'
local moved = ARGV[3] ~= '' and ARGV[3] ~= held[4]
if held[1] and held[2] == replid and not moved then
  if held[3] == '1' and now == '0' then redis.call('HSET', KEYS[1], 'sure', '0') end
  return held[1]
end
local whole = held[1] and held[3] == '1' and now == '1' and not promoted and not moved
local life = whole and held[1] or ARGV[1]
redis.call('HSET', KEYS[1], 'life', life, 'replid', replid, 'sure', now)
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'place', ARGV[3]) end
return life
