-- check_role.lua: succeed on a primary; refuse on a replica.
replication()
return ''
