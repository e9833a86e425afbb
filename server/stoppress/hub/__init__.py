"""The part of one process that fans events out. Knows no Redis, no Starlette."""
