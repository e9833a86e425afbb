"""What the tests of the hub share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.unit.hub.benches import ChannelHarness


@pytest.fixture
def harness() -> Iterator[ChannelHarness]:
    """A channel's surroundings; sockets are closed after the test."""
    found = ChannelHarness(ring_events=10)
    yield found
    for reader in found.readers:
        reader.done()
    os.close(found.sink)
