-- message_hmac.lua: put before every script that publishes to a feed's channel.
--
-- marker(secret, channel): a function that makes the mark of a message there: its
-- HMAC-SHA1 (RFC 2104) with the feed's key, over the channel, a newline and the
-- message. '' without a secret. The secret is the key in the form that HMAC uses: its 32
-- bytes xor 0x36, then its 32 bytes xor 0x5c; computing these in a script would take
-- longer than hashing with them.
local function marker(secret, channel)
  if not secret or #secret ~= 64 then return function() return '' end end
  local inner = string.sub(secret, 1, 32) .. string.rep('\54', 32) .. channel .. '\n'
  local outer = string.sub(secret, 33) .. string.rep('\92', 32)
  return function(message)
    local digest, words = redis.sha1hex(inner .. message), {}
    for i = 1, 5 do words[i] = tonumber(string.sub(digest, i * 8 - 7, i * 8), 16) end
    return redis.sha1hex(outer .. struct.pack('>I4I4I4I4I4', unpack(words)))
  end
end

-- tell(mark, channel, cursor, what, at): publish a message that is no event (`end`, `epoch`).
local function tell(mark, channel, cursor, what, at)
  local head = cursor .. ' ' .. what .. ' ' .. at .. ' '
  redis.call('SPUBLISH', channel, head .. mark(head .. '\n') .. '\n')
end

