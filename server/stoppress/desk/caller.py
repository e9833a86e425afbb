"""Who makes a request, and what that caller may do. Pure.

Rules:
- Scopes form a ladder, SCOPES: each includes those before it.
- `write`, which older stored tokens may have, means `manage`; unknown scopes are
  ignored, as a later release may have more.
- Feeds are named by slug or by a pattern with one `*`, such as `election-*`; None means
  all feeds, and so does the pattern `*`.
- An id is unique among all kinds of callers and lasts longer than a credential: it owns
  Idempotency-Keys and is named in the audit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from stoppress.domain.errors import Invalid
from stoppress.domain.feed import SLUG_RULE, check_slug

Scope = Literal["read", "draft", "publish", "manage", "admin"]

SCOPES: tuple[Scope, ...] = ("read", "draft", "publish", "manage", "admin")
"""read: private feeds. draft: drafts, nothing public. publish: posts, and everybody's
drafts. manage: the feed itself, and takedown. admin: tokens, audit, copies."""

CallerKind = Literal["token", "ticket", "jwt", "session"]
"""How a caller proved who it is; each kind has one CallerSource
(`choose_credential_source.py`)."""

_RANK = {scope: rank for rank, scope in enumerate(SCOPES)}
_ALIASES: dict[str, Scope] = {"write": "manage"}


def scopes_of(names: Iterable[str]) -> tuple[Scope, ...]:
    """The known scopes among `names`, each once, in the order of SCOPES."""
    found = {_ALIASES.get(name, name) for name in names}
    return tuple(scope for scope in SCOPES if scope in found)


def check_feed_pattern(pattern: str, field: str) -> str:
    """Return a slug or a pattern of slugs. Raises Invalid."""
    head, star, tail = pattern.partition("*")
    if not star:
        return check_slug(pattern, field)
    if pattern == "*":
        return pattern
    try:
        # The text for the star must be able to complete it to a slug.
        check_slug(f"{head}a{tail}")
    except Invalid:
        raise Invalid(
            field,
            f"{pattern[:100]!r} is invalid: use a slug, or a slug in which one * "
            f"stands for any characters, such as election-*; {SLUG_RULE}",
        ) from None
    return pattern


def covers(patterns: tuple[str, ...] | None, feed: str | None) -> bool:
    """Whether the patterns name the feed; a feed of None: whether they name all."""
    if patterns is None:
        return True
    if feed is None:
        return "*" in patterns
    return any(_matches(pattern, feed) for pattern in patterns)


def _matches(pattern: str, feed: str) -> bool:
    head, star, tail = pattern.partition("*")
    if not star:
        return pattern == feed
    return (
        len(feed) >= len(head) + len(tail)
        and feed.startswith(head)
        and feed.endswith(tail)
    )


class Caller(Struct, frozen=True, kw_only=True):
    """An authenticated caller: a token, a ticket, or a person who signed in."""

    id: str
    """A token's id; for a person, issuer and subject."""
    name: str
    kind: CallerKind
    scopes: tuple[Scope, ...]
    feeds: tuple[str, ...] | None = None
    """Slugs and patterns; None: all feeds."""
    expires_at: int | None = None
    """Milliseconds since 1970; None: the caller does not expire."""
    credential: str = ""
    """The key by which its source finds it, such as a digest; never a secret."""

    def may(self, scope: Scope, feed: str | None) -> bool:
        """Whether the caller has `scope` on `feed`; None: on all feeds."""
        return self.has(scope) and covers(self.feeds, feed)

    def has(self, scope: Scope) -> bool:
        """Whether the caller has `scope` on any feed."""
        rank = _RANK[scope]
        for held in self.scopes:
            if _RANK[held] >= rank:
                return True
        return False

    def has_expired(self, now_ms: int) -> bool:
        """Whether the caller has expired."""
        return self.expires_at is not None and now_ms >= self.expires_at
