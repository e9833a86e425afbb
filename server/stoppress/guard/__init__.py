"""Protection of one process: request ids, refusals, logs, client addresses, limits."""
