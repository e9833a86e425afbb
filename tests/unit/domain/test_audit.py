"""Entries of the audit hold no text."""

from __future__ import annotations

import msgspec

from stoppress.domain.audit import ENTRY_BYTES, AuditEntry, changed, digests, encoded


def test_a_digest_tells_whether_values_are_the_same() -> None:
    """And nothing of them; what is empty or made by the server is left out."""
    one = digests(
        {"headline": "Fire", "tags": [], "rev": 3, "html": "<p>", "key": True}
    )
    assert one.keys() == {"headline", "key"}
    assert one["headline"] == digests({"headline": "Fire"})["headline"]
    assert one["headline"] != digests({"headline": "fire"})["headline"]
    assert all(len(value) == 16 and "Fire" not in value for value in one.values())


def test_changed_members_are_named_before_and_after() -> None:
    """A new member has no before, a cleared one no after."""
    before, after = changed(
        {"headline": "a", "body": "same", "summary": "gone", "rev": 1},
        {"headline": "b", "body": "same", "key": True, "rev": 2},
    )
    assert before.keys() == {"headline", "summary"}
    assert after.keys() == {"headline", "key"}
    assert before["headline"] != after["headline"]


def test_an_entry_is_bounded() -> None:
    """Whatever members a later release or a script sends."""
    many = digests({f"member{n}": n + 1 for n in range(1000)})
    kept = encoded(AuditEntry("t1", "post.updated", "192.0.2.1", "x", "01", {}, many))
    assert len(kept) <= ENTRY_BYTES
    assert msgspec.json.decode(kept)["who"] == "t1"
    short = msgspec.json.decode(encoded(AuditEntry("t1", "token.created")))
    assert short == {"who": "t1", "what": "token.created"}
