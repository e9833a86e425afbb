"""Who may store an answer.

Rules: only a public feed may be stored by others, for a second, then checked again,
and only as readers get it. What holds members that are private to editors is stored
by nobody.
"""

from __future__ import annotations

from stoppress.domain.feed import Visibility

PUBLIC = "public, max-age=0, s-maxage=1, stale-while-revalidate=5, stale-if-error=60"
PRIVATE = "private, no-store"
NO_STORE = "no-store"
FULL = {"cache-control": PRIVATE, "vary": "Authorization, Cookie"}
"""On what holds members of posts that only those get who may publish."""
FULL_FORM = b"full"
"""Sets its ETags apart from those of what readers get, also where it holds no more."""


def shown(visibility: Visibility) -> dict[str, str]:
    """Who may store what readers get of such a feed, where others get more.

    `Vary`: a cache between may not answer an editor from what it holds for readers.
    The desk's cookie is not named, as no reader's answer would be shared then; the
    desk asks under addresses of its own.
    """
    return {"cache-control": cache_control(visibility), "vary": "Authorization"}


def cache_control(visibility: Visibility) -> str:
    """Who may store what is shown of such a feed."""
    return PUBLIC if visibility == "public" else PRIVATE
