"""What may be a part of a request, and what is refused before anything is sent."""

from __future__ import annotations

import pytest

from stoppress.client.api_errors import InvalidArgument, InvalidEnvironment
from stoppress.client.check_arguments import (
    checked_key,
    clean_secret,
    path_segment,
    server_address,
    usable_environment,
)


def test_an_address_is_one_of_the_web() -> None:
    """With a path or without."""
    assert server_address("http://x/") == "http://x"
    assert server_address("https://x:1/blog//") == "https://x:1/blog"
    for url in ("", "x", "localhost:8000", "ftp://x", "http://", "http://x\udcff"):
        with pytest.raises(InvalidArgument, match="url="):
            server_address(url)


@pytest.mark.parametrize(
    "error", [ImportError("why"), OSError("why"), ValueError("why")]
)
def test_an_environment_that_can_not_be_used_is_told(error: Exception) -> None:
    """What httpx raises for it has no name in common."""
    with pytest.raises(InvalidEnvironment, match="HTTP_PROXY.*SSL_CERT_FILE.*why"):
        with usable_environment():
            raise error


@pytest.mark.parametrize("text", ["sp_x\n", "\r\n sp_x\t", "sp_x"])
def test_white_space_around_a_secret_is_none_of_it(text: str) -> None:
    """A file of a token ends with a line break."""
    assert clean_secret(text, "token") == "sp_x"
    assert clean_secret(" \n", "token") == clean_secret(None, "token") == ""


@pytest.mark.parametrize("text", ["sp_\nx", "sp_\rx", "sp_\x00", "sp_–", "sp_\udcff"])
def test_a_secret_that_no_header_can_carry_is_refused(text: str) -> None:
    """Without a word of it."""
    with pytest.raises(InvalidArgument, match="^token is invalid") as refused:
        clean_secret(text, "token")
    assert "sp_" not in str(refused.value)


def test_an_idempotency_key_is_what_the_server_takes() -> None:
    """1 to 200 printable ASCII characters."""
    for key in ("k", "a b", "k" * 200):
        assert checked_key(key) == key
    for key in ("", "a\nb", " a", "a ", "ü", "k" * 201):
        with pytest.raises(InvalidArgument, match="idempotency_key="):
            checked_key(key)


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
