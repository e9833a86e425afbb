"""Signs the messages to webhooks, as Standard Webhooks specifies. Pure.

The signature is the HMAC-SHA256 of `<id>.<timestamp>.<body>`; its key is the secret's
base64 part, after `whsec_`. Libraries of many languages can check it.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping


def signed_headers(
    secret: str, ident: str, at_s: int, body: bytes
) -> Mapping[str, str]:
    """The headers of one message; each attempt has its own time."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = b"%b.%d.%b" % (ident.encode(), at_s, body)
    mark = base64.b64encode(hmac.digest(key, text, "sha256")).decode()
    return {
        "webhook-id": ident,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{mark}",
    }
