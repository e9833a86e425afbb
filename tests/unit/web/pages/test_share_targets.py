"""The places where a reader may share a post."""

from __future__ import annotations

from stoppress.settings import SHARE_TARGETS
from stoppress.web.pages.share_targets import shared, targets


def test_every_place_has_a_label() -> None:
    """As it writes itself; the word for mail is the page's language."""
    found = targets("E-posta")
    assert found.keys() == SHARE_TARGETS.keys()
    assert found["mail"].label == "E-posta"
    assert found["whatsapp"].label == "WhatsApp"
    assert all(one.address == SHARE_TARGETS[name] for name, one in found.items())


def test_a_page_offers_what_was_named_in_that_order() -> None:
    """What is no place that is known is left out."""
    names = list(SHARE_TARGETS)[::-1]
    words = {"targets": targets("Mail"), "shared": [*names, "link", "nowhere"]}
    assert [one.address for one in shared(words)] == [SHARE_TARGETS[n] for n in names]
