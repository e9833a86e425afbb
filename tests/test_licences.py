"""What a server runs with may be used by any newsroom."""

from __future__ import annotations

from tests.licences import ALLOWED, FORBIDDEN, licence_of, needed


def test_every_licence_is_allowed() -> None:
    """Permissive, or of files alone; each package says which."""
    names = needed("stop-press")
    assert {"starlette", "redis", "nh3"} <= set(names)
    for name in names:
        licence = licence_of(name)
        assert ALLOWED.search(licence), (name, licence)
        assert not FORBIDDEN.search(licence), (name, licence)


def test_what_is_not_allowed_is_seen() -> None:
    """The lesser licence of a library is another one."""
    assert FORBIDDEN.search("GPL-3.0-only") and FORBIDDEN.search("AGPL-3.0")
    assert not FORBIDDEN.search("LGPL-2.1")
