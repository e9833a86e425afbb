"""What `stoppress sign` prints is an entry that the server takes."""

from __future__ import annotations

import shlex

import pytest
from click.testing import CliRunner

from stoppress.cli.program import stoppress
from stoppress.domain.signed_redis_inbox_entry import read_inbox_entry, token_digest


@pytest.mark.parametrize("post", ['{"body": "a \\"b\\" \\\\ c\\nd"}', '{"body": "é"}'])
def test_prints_a_signed_entry(post: str) -> None:
    """For redis-cli, and without the token."""
    said = CliRunner().invoke(stoppress, ["sign", "quay", post, "--token", "sp_secret"])
    assert said.exit_code == 0, said.output
    assert "sp_secret" not in said.output
    command, stream, star, *rest = shlex.split(said.output)
    assert (command, stream, star) == ("XADD", "stoppress:inbox", "*")
    pairs = zip(rest[::2], rest[1::2], strict=True)
    fields = {name.encode(): value.encode() for name, value in pairs}
    entry = read_inbox_entry(f"{fields[b'at'].decode()}-0", fields)
    assert entry.post == post.encode() and entry.feed == "quay"
    assert entry.is_signed_with(token_digest("sp_secret"))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(["{}"], "a token is needed"), (["no", "--token", "t"], "not JSON")],
)
def test_an_invalid_argument_is_refused_with_its_reason(
    arguments: list[str], reason: str
) -> None:
    """Before anything is signed."""
    said = CliRunner().invoke(stoppress, ["sign", "quay", *arguments], env={})
    assert said.exit_code == 2 and reason in said.output


def test_the_line_break_of_a_token_file_is_not_signed_with() -> None:
    """Else the server would not know the signature."""
    said = CliRunner().invoke(stoppress, ["sign", "quay", "{}", "--token", "sp_s\n"])
    pairs = shlex.split(said.output)[3:]
    fields = {
        name.encode(): value.encode()
        for name, value in zip(pairs[::2], pairs[1::2], strict=True)
    }
    entry = read_inbox_entry(f"{fields[b'at'].decode()}-0", fields)
    assert entry.is_signed_with(token_digest("sp_s"))


def test_a_piped_post_that_is_not_utf_8_is_misuse() -> None:
    said = CliRunner().invoke(
        stoppress, ["sign", "quay", "-", "--token", "sp_s"], input=b"\xff"
    )
    assert said.exit_code == 2 and "stdin is not UTF-8" in said.output
