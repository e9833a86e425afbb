"""What the tests of commands share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.unit.cli.site import Site, serving


@pytest.fixture
def site(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """A server to command, in an environment that says nothing."""
    for name in [name for name in os.environ if name.startswith("STOPPRESS")]:
        monkeypatch.delenv(name)
    with serving(capsys) as site:
        yield site
