"""The log: events and posts stored in Redis. The only importer of redis.

`connect` makes a checked connection pool; `RedisStore` stores feeds, posts and tokens;
`Follower` brings each open feed's events to the hub; `Inbox` publishes what other
programs add to Redis; `EmbeddedValkey` is the private store of a server without a Redis
address.
"""
