-- check_rights.lua: put before every script that writes; lets it end before it has begun.
--
-- need(command, key or channel, …): refuses if the user may not call this. To be called
-- before the first write, of every command that follows on it: from there on nothing
-- may be refused.
local function need(...)
  if not redis.acl_check_cmd(...) then
    local command, name = ...
    error({err = 'NOPERM +' .. string.lower(command) .. (name and ' on ' .. name or '')})
  end
end

