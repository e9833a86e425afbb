"""The log: where news is kept, numbered, and read again. The only importer of redis.

`connect` gives a checked Link; `RedisStore` keeps feeds, posts and tokens over it;
`Follower` brings each open feed's events to the hub; `Inbox` takes in what others
put into Redis; `EmbeddedValkey` is the private server of a newsroom without Redis.
"""
