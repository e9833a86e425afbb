-- trim_event_log_by_age.lua: put before every script that adds to a log. Drops events that are
-- too old.
--
-- trim_by_age(log, at, age, writes): `log` has just got the events of so many writes, the
-- last at `at` (ms); drop those older than `age` seconds (0: none is too old). The oldest go
-- first, at most MOST per write, so that a write stays short; each write adds only one or
-- two, so the rest goes with later writes. A log without new events expires as a whole, `age` after its last event; the
-- feed's meta keeps its head.
-- Returns how many were dropped.
local MOST = 16

-- need_to_trim_by_age(log): check the rights that trim_by_age needs. Needs need_acl_rights.lua.
local function need_to_trim_by_age(log)
  need('PERSIST', log)
  need('EXPIRE', log, '1')
  need('XRANGE', log, '-', '+')
  need('XDEL', log, '0')
end

local function trim_by_age(log, at, age, writes)
  if age == 0 then
    redis.call('PERSIST', log)
    return 0
  end
  redis.call('EXPIRE', log, age)
  local most = MOST * writes
  for gone = 0, most - 1 do
    local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
    local fields, when = oldest[2], nil
    for f = 1, #fields, 2 do
      if fields[f] == 'at' then when = tonumber(fields[f + 1]) end
    end
    -- An entry without a time is damaged, and is dropped like one that is too old.
    if when and when >= at - age * 1000 then return gone end
    redis.call('XDEL', log, oldest[1])
  end
  return most
end

