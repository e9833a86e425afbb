-- trim_by_age.lua: put before the script that adds to a log. Lets go what is too old.
--
-- let_go(log, at, age): of a log that was just added to at `at` (ms), what is older than
-- `age` seconds (0: nothing is too old). The oldest go first, MOST a call, so that a
-- write stays short; each adds one or two, so that what is to go goes. A log that is
-- added to no more ends as a whole, `age` after its last event, by itself: the feed's
-- meta says where it ended.
-- Returns how many went.
local MOST = 16

-- need_to_let_go(log): see to it that this is allowed. Needs check_rights.lua.
local function need_to_let_go(log)
  need('PERSIST', log)
  need('EXPIRE', log, '1')
  need('XRANGE', log, '-', '+')
  need('XDEL', log, '0')
end

local function let_go(log, at, age)
  if age == 0 then
    redis.call('PERSIST', log)
    return 0
  end
  redis.call('EXPIRE', log, age)
  for gone = 0, MOST - 1 do
    local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
    local fields, when = oldest[2], nil
    for f = 1, #fields, 2 do
      if fields[f] == 'at' then when = tonumber(fields[f + 1]) end
    end
    -- What does not say when it was is damaged, and goes like what is too old.
    if when and when >= at - age * 1000 then return gone end
    redis.call('XDEL', log, oldest[1])
  end
  return MOST
end

