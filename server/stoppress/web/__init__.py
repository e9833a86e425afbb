"""The HTTP and WebSocket server: routes, authorization, caching of answers."""
