-- missing_acl_rights.lua: the commands in a list that the user may not call here.
--
-- ARGV  1 the commands, as JSON: arrays of texts
-- Returns the number of each missing command, from 1 on: positive if the user may not
--   call it, negative if the server does not know it.
local missing = {}
if not redis.acl_check_cmd then return missing end
for number, command in ipairs(cjson.decode(ARGV[1])) do
  local known, may = pcall(redis.acl_check_cmd, unpack(command))
  if not known then
    missing[#missing + 1] = -number
  elseif not may then
    missing[#missing + 1] = number
  end
end
return missing
