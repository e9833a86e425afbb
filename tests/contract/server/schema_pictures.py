"""Gives schemathesis real pictures, where the OpenAPI document says that one is taken.

It is the module of hooks that `schema_run.py` names to schemathesis.
"""

from __future__ import annotations

import schemathesis
from hypothesis import strategies

from stoppress.web.api.openapi_operations import PICTURES
from tests.made_pictures import encoded, photo

SIZES = ((1, 1), (40, 30), (300, 200))

for kind in PICTURES:
    files = [encoded(photo(*size), kind.removeprefix("image/")) for size in SIZES]
    schemathesis.openapi.media_type(kind, strategies.sampled_from(files))
