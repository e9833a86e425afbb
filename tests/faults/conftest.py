"""The runs of the kinds of fault, made beside the session from its beginning."""

from __future__ import annotations

import os

import pytest

from tests.faults.background import Campaign

CAMPAIGN = pytest.StashKey[Campaign]()
MODULE = "test_kinds.py"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin with those that are wanted; workers of one session share them."""
    config = session.config
    kinds = [
        str(item.callspec.params["kind"])
        for item in session.items
        if isinstance(item, pytest.Function) and item.path.name == MODULE
    ]
    if kinds and not config.option.collectonly:
        folder = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        if "PYTEST_XDIST_WORKER" in os.environ:
            folder = folder.parent
        config.stash[CAMPAIGN] = Campaign(folder / "kinds-of-fault", kinds)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End them."""
    if (campaign := session.config.stash.get(CAMPAIGN, None)) is not None:
        campaign.close()


@pytest.fixture
def campaign(request: pytest.FixtureRequest) -> Campaign:
    """What came of them."""
    return request.config.stash[CAMPAIGN]
