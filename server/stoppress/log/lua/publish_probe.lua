-- publish_probe.lua: publish to a follower's own channel, as a write would to a feed's.
--
-- KEYS  1 channel
-- ARGV  1 nonce
replication()
return redis.call('SPUBLISH', KEYS[1], ARGV[1])
