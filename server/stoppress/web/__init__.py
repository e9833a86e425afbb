"""HTTP and WebSocket: the only importer of starlette and uvicorn."""
