-- refuse_on_replica.lua: succeed on a primary; refuse on a replica.
replication()
return ''
