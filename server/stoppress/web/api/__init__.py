"""The HTTP API: routes of posts, feeds, tokens, import and export, and health."""
