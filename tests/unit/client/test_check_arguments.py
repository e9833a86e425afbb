"""What may be a part of a request, and what is refused before anything is sent."""

from __future__ import annotations

import pytest

from stoppress.client.api_errors import InvalidArgument
from stoppress.client.check_arguments import path_segment


def test_a_segment_is_percent_encoded() -> None:
    """Also what would end it."""
    assert path_segment("a/b?c#d%ü..", "post") == "a%2Fb%3Fc%23d%25%C3%BC.."
    assert path_segment("...", "post") == "..."


@pytest.mark.parametrize("text", ["", ".", "..", "a\udcff"])
def test_what_would_be_another_address_is_refused(text: str) -> None:
    """By the argument's name; as a ValueError, too."""
    with pytest.raises(InvalidArgument, match="^post=.* is invalid: "):
        path_segment(text, "post")
    with pytest.raises(ValueError, match="post="):
        path_segment(text, "post")
