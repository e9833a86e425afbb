-- need_acl_rights.lua: put before every script that writes; makes it fail before its first write.
--
-- need(command, key or channel, …): refuses if the user may not call this. Call it before
-- the first write, for every command that follows: after the first write nothing may be
-- refused.
local function need(...)
  if not redis.acl_check_cmd(...) then
    local command, name = ...
    error({err = 'NOPERM +' .. string.lower(command) .. (name and ' on ' .. name or '')})
  end
end

