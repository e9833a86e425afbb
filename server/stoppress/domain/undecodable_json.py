"""What the decoders of JSON raise for bytes that they can't decode. Pure.

Besides its own errors msgspec raises UnicodeDecodeError for a text that is not UTF-8,
and RecursionError for some thousand nested brackets. Whoever decodes foreign or stored
JSON and goes on without it catches all three.
"""

from __future__ import annotations

import msgspec

UNDECODABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
