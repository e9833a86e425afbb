"""The Content-Security-Policies of our pages."""

from __future__ import annotations

import pytest

from stoppress.settings import Settings
from stoppress.web.pages.page_policy import desk_policy, page_policy

STRICT = Settings(media_hosts="cdn.example", embed_hosts="")


@pytest.mark.parametrize("policy", [page_policy(STRICT), desk_policy(STRICT)])
def test_only_the_sites_own_scripts_run(policy: str) -> None:
    """Scripts by file, markup by the named Trusted Types, pictures of named hosts."""
    assert "unsafe" not in policy and "*" not in policy
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "require-trusted-types-for 'script'; trusted-types stop-press" in policy
    # At the desk also a picture that waits for its upload.
    also = " blob:" if "stop-press-desk" in policy else ""
    assert f"img-src 'self' cdn.example data:{also};" in policy
    assert "base-uri 'none'" in policy


def test_pages_may_be_framed_as_they_say() -> None:
    """The desk by nobody."""
    assert "frame-ancestors *;" in page_policy(STRICT, "*")
    assert "frame-ancestors 'self';" in page_policy(STRICT)
    assert "frame-ancestors 'none';" in desk_policy(STRICT)
    assert "frame-src 'self';" in page_policy(STRICT)
