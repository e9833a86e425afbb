"""The wire protocol of live connections: messages, framing, and close codes.

Pure: bytes in, bytes out. Imports only the domain.
"""
