-- touch_presence.lua: change who is at a desk, and who holds a lease on what. Needs
-- need_acl_rights.lua, message_hmac.lua and find_repeated_write.lua.
--
-- Everything here expires: each entry of the hash begins with the time of its expiry,
-- by this server's clock, and the hash expires with its last entry. After a change a
-- notice, which is no event, is published on the desk log's channel. It contains all
-- valid entries, so that only the last notice matters.
--
--   here <client>   "<until> <members of JSON>"
--   lease <id>      "<until> <client> <members of JSON>"
--   want <id>       likewise: who asked the holder of the lease for it
--
-- A change that was made under an Idempotency-Key is not made again: the notice says what
-- is so now.
--
-- KEYS  1 meta of the desk log  2 line  3 presence  4 idem
-- ARGV  1 feed  2 most entries  3 what to do  4 client  5 ttl in ms  6 members of JSON
--       7 id of what a lease is on  8 client to hand it to  9 fingerprint ('' for none)
--       10 ttl of the idempotency record, in s
-- Returns {'1' if done, '0' if somebody else holds the lease, or there are too many,
--   the notice} or {'reused'}
need('HGET', KEYS[1], '')
need('HSET', KEYS[3], '', '')
need('HDEL', KEYS[3], '')
need('HGETALL', KEYS[3])
need('EXPIRE', KEYS[3], '1')
need('SPUBLISH', KEYS[2], '')
need('TIME')
need_to_recollect(KEYS[4])
replication()
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local what, client, id = ARGV[3], ARGV[4], ARGV[7]
local born = redis.call('HGET', KEYS[1], 'of') or ''
local repeated = recollect(KEYS[4], ARGV[9], born)
if repeated and repeated[1] == 'reused' then return repeated end
local held, count, changed, done = {}, 0, false, true

local flat = redis.call('HGETALL', KEYS[3])
for i = 1, #flat, 2 do
  if tonumber(string.match(flat[i + 1], '^%d+')) > now then
    held[flat[i]] = flat[i + 1]
    count = count + 1
  else
    redis.call('HDEL', KEYS[3], flat[i])
  end
end

local function put(name, value)
  local was = held[name] and string.match(held[name], '^%d+ (.*)$')
  if not held[name] and count >= tonumber(ARGV[2]) then
    done = false
    return
  end
  if not held[name] then count = count + 1 end
  held[name] = string.format('%.0f %s', now + ARGV[5], value)
  redis.call('HSET', KEYS[3], name, held[name])
  redis.call('EXPIRE', KEYS[3], math.ceil(ARGV[5] / 1000) * 2)
  if was ~= value then changed = true end
end

local function drop(name)
  if not held[name] then return end
  held[name] = nil
  redis.call('HDEL', KEYS[3], name)
  changed = true
end

local function holder(name)
  return held[name] and string.match(held[name], '^%d+ (%S+) ')
end

local lease, want = 'lease ' .. id, 'want ' .. id
local is_free = not held[lease] or holder(lease) == client
if repeated then
  done = what ~= 'lease' or holder(lease) == client
elseif what == 'here' then
  put('here ' .. client, ARGV[6])
elseif what == 'leave' then
  drop('here ' .. client)
  local names = {}
  for name in pairs(held) do names[#names + 1] = name end
  for _, name in ipairs(names) do
    if string.find(name, '^[lw]') and holder(name) == client then drop(name) end
  end
elseif what == 'lease' and is_free then
  put(lease, client .. ' ' .. ARGV[6])
  if holder(want) == client then drop(want) end
elseif what == 'give' and is_free and held['here ' .. ARGV[8]] then
  local members = string.match(held['here ' .. ARGV[8]], '^%d+ (.*)$')
  put(lease, ARGV[8] .. ' ' .. members)
  drop(want)
elseif what == 'release' and is_free then
  drop(lease)
elseif what == 'want' and not is_free then
  put(want, client .. ' ' .. ARGV[6])
elseif what ~= 'read' then
  done = false
end

local people, leases, names = {}, {}, {}
for name in pairs(held) do names[#names + 1] = name end
table.sort(names)
for _, name in ipairs(names) do
  local till, rest = string.match(held[name], '^(%d+) (.*)$')
  local kind, subject = string.match(name, '^(%a+) (.*)$')
  local ttl = math.ceil((till - now) / 1000)
  if kind == 'here' then
    people[#people + 1] = string.format('{"client":"%s","ttl_s":%d,%s}', subject, ttl, rest)
  elseif kind == 'lease' then
    local by, members = string.match(rest, '^(%S+) (.*)$')
    local asked = held['want ' .. subject]
    local wanted = ''
    if asked then
      local who, words = string.match(asked, '^%d+ (%S+) (.*)$')
      wanted = string.format(',"wanted_by":{"client":"%s",%s}', who, words)
    end
    leases[#leases + 1] = string.format('{"id":"%s","client":"%s","ttl_s":%d,%s%s}',
      subject, by, ttl, members, wanted)
  end
end
local notice = '{"type":"presence","desk":"' .. ARGV[1] .. '","people":[' ..
  table.concat(people, ',') .. '],"leases":[' .. table.concat(leases, ',') .. ']}'
if changed then
  local mark = marker(redis.call('HGET', KEYS[1], 'secret'), KEYS[2])
  redis.call('SPUBLISH', KEYS[2], 'notice ' .. mark('notice \n' .. notice) .. '\n' .. notice)
end
if done and not repeated and what ~= 'read' then
  keep(KEYS[4], ARGV[9], born, '', '', ARGV[10])
end
return {done and '1' or '0', notice}
