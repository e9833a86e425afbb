"""What clients of the tests' own servers share: no TLS, and patience."""

from __future__ import annotations

import ssl
import sys
from importlib.util import find_spec

if "sniffio" not in sys.modules and find_spec("sniffio") is None:
    # httpx asks for it at each lock: looking through all folders is a tenth of the
    # time of a run of faults.
    sys.modules["sniffio"] = None  # type: ignore[assignment]

import httpx
from websockets.asyncio.client import connect as in_loop
from websockets.sync.client import connect as in_thread

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Knows no roots, which take 26 ms a client: for servers that speak no TLS."""
ANY_CERTIFICATE = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts every certificate: for tests that are not about trust."""
ANY_CERTIFICATE.check_hostname = False
ANY_CERTIFICATE.verify_mode = ssl.CERT_NONE
PATIENCE_S = 60.0
"""How long an answer may take on a busy machine: it decides no result."""
# Where none is named, httpx waits 5 s and websockets 10: they fail on a busy machine.
_default = httpx._config.DEFAULT_TIMEOUT_CONFIG
for _given in (in_loop.__init__.__kwdefaults__, in_thread.__kwdefaults__):
    assert _given is not None and _given["open_timeout"] == 10
    _given["open_timeout"] = PATIENCE_S
_default.connect = _default.read = _default.write = _default.pool = PATIENCE_S
