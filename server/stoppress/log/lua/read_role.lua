-- read_role.lua: whether this server is a primary; refuses where it is none.
replication()
return ''
