"""When an epoch ends, and the arguments of the scripts that decide it.

The rule is in `check_epoch_and_read_meta.lua`, run by each script that names a cursor.
The feed's meta keeps the primary's `master_replid`, which changes whenever the data may
have changed: at each start of the server and at each promotion of a replica. If it has
changed, a new epoch begins in the same step, at seq 0 with an empty log, unless the
history is provably complete. All of these must hold:
- The server fsyncs every write before it answers, now and at every contact before.
- It has no replica now, and had none at any contact of this epoch: a replica may have
  become the primary.
- It was never promoted (`master_replid2` is empty): it may have been a replica.
- Its data has one lineage (`life`, kept by `read_data_lineage.lua` in
  `stoppress:node`, read for each new connection), so that a feed without requests does
  not miss a change of the whole server. The embedded Valkey adds the identity of its
  data folder, so that a folder restored from a back-up has another lineage.

If a follower finds that a log ends before an event that it received, it begins a new
epoch (`renew_epoch.lua`): the files were set back while hubs ran. A restart from save
points begins a new epoch even after a clean stop, as the two look alike; so does a
first replica, which gives a primary a new id. Not detected, on a Redis that is not the
embedded one: files restored from a back-up under a server that always fsyncs, if no hub
remembers a later state (delete `stoppress:node` before the server is used, and every
feed begins a new epoch); fsync turned off for a while, on older connections; single
keys restored by hand.

The servers of a cluster have no data lineage, as keys move between them (`life` differs
on each connection): each restart and promotion, and each move of a slot to another
server, begins a new epoch.

Reads are checked like writes: a returning follower finds the new epoch before anything
is published in it, and a replica's data is never taken for the log. `INFO replication`
costs 2 µs in a script.
"""

from __future__ import annotations

import time
from os import urandom

from stoppress.log.pubsub_message import KEY_BYTES, secret_of
from stoppress.log.redis_commands_scripts_and_durability import (
    EPOCH_BYTES,
    Arg,
    RedisCommands,
    epoch_of,
)


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def epoch_args(redis: RedisCommands, at: int) -> tuple[Arg, ...]:
    """The arguments of `check_epoch_and_read_meta.lua`: chance, life, at."""
    random = urandom(EPOCH_BYTES + KEY_BYTES)
    epoch, secret = epoch_of(random[:EPOCH_BYTES]), secret_of(random[EPOCH_BYTES:])
    return (b"%b %b" % (epoch.encode(), secret), redis.life, at)
