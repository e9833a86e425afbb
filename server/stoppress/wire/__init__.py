"""What goes over the line: messages, their framing, and the codes that end it.

Pure: bytes in, bytes out. Imports only the domain.
"""
