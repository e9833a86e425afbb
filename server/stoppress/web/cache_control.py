"""The Cache-Control and Vary headers of answers.

Rules: shared caches may store only answers of public feeds, for a second, then
revalidate, and only in the readers' form. Answers with members that are private to
editors are never stored.
"""

from __future__ import annotations

from stoppress.domain.feed import Visibility

PUBLIC = "public, max-age=0, s-maxage=1, stale-while-revalidate=5, stale-if-error=60"
PRIVATE = "private, no-store"
NO_STORE = "no-store"
FULL = {"cache-control": PRIVATE, "vary": "Authorization, Cookie"}
"""For answers with members that only callers that may publish get."""
FULL_FORM = b"full"
"""Makes ETags of the editors' form differ from the readers', also for equal bytes."""


def shown(visibility: Visibility) -> dict[str, str]:
    """Headers of the readers' form of an answer of which editors get another form.

    `Vary`: a shared cache must not answer an editor with the readers' form. It does
    not name Cookie, as no reader's answer would be shared then; the desk uses
    addresses of its own.
    """
    return {"cache-control": cache_control(visibility), "vary": "Authorization"}


def cache_control(visibility: Visibility) -> str:
    """The Cache-Control of answers about a feed of this visibility."""
    return PUBLIC if visibility == "public" else PRIVATE
