"""The live line: admission, the fast path, the takeover of sockets, SSE, long poll."""
