"""What clients of the tests' own servers share: no TLS, and patience."""

from __future__ import annotations

import ssl

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Knows no roots: no server here speaks TLS, and loading them takes 26 ms a client."""
PATIENCE_S = 60.0
"""How long an answer may take on a busy machine: it decides no result."""
