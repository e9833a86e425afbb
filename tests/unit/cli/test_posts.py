"""`stoppress publish`, `edit` and `withdraw`."""

from __future__ import annotations

import io
import sys

import click
import pytest

from stoppress.cli.posts import edit, publish
from stoppress.domain.post import PostInput
from tests.unit.cli.site import Site

POST = {"id": "p1", "url": "http://h/live/x/p1", "rev": 3}
ANSWER = {"post": POST, "cursor": "e-7"}
FIELDS = set(PostInput.__struct_fields__) - {"body", "media"}
POSTS, ONE = "/v1/feeds/x/posts", "/v1/feeds/x/posts/p1"


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """What is piped into the command."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_a_post_is_what_was_given(site: Site) -> None:
    """An author may have an address; what was not said is not sent."""
    site.answers[f"POST {POSTS}"] = 201, ANSWER
    options = ("--tag", "a", "--tag", "b", "--author", "Ada <https://a.example>")
    more = ("--source", "Police", "--key", "--no-pin", "--idempotency-key", "mine")
    code, said, _ = site.run("publish", "x", "It rains.", *options, *more)
    assert (code, said) == (0, "p1 e-7 http://h/live/x/p1\n")
    assert site.writes() == [
        (
            "POST",
            POSTS,
            {
                "body": "It rains.",
                "tags": ["a", "b"],
                "authors": [{"name": "Ada", "url": "https://a.example"}],
                "source": {"name": "Police"},
                "key": True,
                "pinned": False,
            },
        )
    ]
    assert site.asked[0].headers["idempotency-key"] == "mine"


def test_a_post_may_be_put_by_its_external_id(site: Site) -> None:
    """The id is percent-encoded."""
    path = "/v1/feeds/x/external/cms%2F7%3F"
    site.answers[f"PUT {path}"] = 201, ANSWER
    code, said, _ = site.run("put", "x", "cms/7?", "It rains.", "--key")
    assert (code, said) == (0, "p1 e-7 http://h/live/x/p1\n")
    assert site.writes() == [("PUT", path, {"body": "It rains.", "key": True})]


def test_a_text_may_be_piped(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """UTF-8, and nothing else."""
    site.answers[f"POST {POSTS}"] = 201, ANSWER
    stdin(monkeypatch, "Çağrı\n".encode())
    code, said, _ = site.run("publish", "x", "-", "--json")
    assert code == 0 and '"cursor": "e-7"' in said
    assert site.writes()[0][2] == {"body": "Çağrı"}
    stdin(monkeypatch, b"\xff")
    code, _, complaint = site.run("publish", "x", "-")
    assert code == 2 and "not UTF-8" in complaint


def test_an_edit_names_the_revision_it_is_made_to(site: Site) -> None:
    """The one that is there now."""
    site.answers |= {f"GET {ONE}": (200, POST), f"PATCH {ONE}": (200, ANSWER)}
    code, _, _ = site.run("edit", "x", "p1", "--correction", "It was Tuesday.")
    assert code == 0
    assert site.writes() == [
        ("PATCH", ONE, {"correction": {"note": "It was Tuesday."}})
    ]
    assert site.asked[-1].headers["if-match"] == '"3"'


def test_an_edit_of_nothing_is_misuse(site: Site) -> None:
    """Told before anything is asked."""
    code, _, complaint = site.run("edit", "x", "p1")
    assert code == 2 and "nothing to change" in complaint and site.asked == []


def test_a_post_is_withdrawn(site: Site) -> None:
    site.answers[f"DELETE {ONE}"] = 204, None
    assert site.run("withdraw", "x", "p1") == (0, "withdrew p1\n", "")


def test_a_post_is_put_back(site: Site) -> None:
    site.answers[f"POST {ONE}/restore"] = 200, ANSWER
    code, said, _ = site.run("restore", "x", "p1")
    assert code == 0 and "e-7" in said


def test_a_post_is_taken_down_once_that_is_confirmed(site: Site) -> None:
    """The receipt is printed whole."""
    site.answers[f"POST {ONE}/takedown"] = 200, {"post": "p1", "disk": "pending"}
    code, said, _ = site.run("takedown", "x", "p1", "--yes", "--reason", "order")
    assert code == 0 and '"pending"' in said
    assert site.writes() == [("POST", f"{ONE}/takedown", {"reason": "order"})]
    code, _, _ = site.run("takedown", "x", "p1")
    assert code != 0 and len(site.writes()) == 1


@pytest.mark.parametrize(
    ("command", "others"), [(publish, {"correction"}), (edit, {"external_id"})]
)
def test_each_field_has_an_option(command: click.Command, others: set[str]) -> None:
    """With a help; the text is an argument, and media take the API."""
    options = {one.name: one for one in command.params if isinstance(one, click.Option)}
    assert options.keys() >= FIELDS - others
    assert not options.keys() & others
    assert all(options[name].help for name in FIELDS - others)


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_an_id_that_would_be_another_address_is_misuse(site: Site, name: str) -> None:
    """`withdraw x ..` would delete the feed. Nothing is sent."""
    for arguments in (
        ("withdraw", "x", name),
        ("withdraw", name, "p1"),
        ("restore", "x", name),
        ("takedown", "x", name, "--yes"),
        ("edit", "x", name, "text"),
        ("put", "x", name, "text"),
        ("publish", name, "text"),
    ):
        code, _, complaint = site.run(*arguments)
        assert code == 2 and "is invalid" in complaint
    assert site.asked == []


def test_an_argument_that_is_not_utf_8_is_misuse(site: Site) -> None:
    """Nothing is sent; the terminal's bytes come as surrogates."""
    for arguments in (("publish", "x", "a\udcff"), ("withdraw", "x", "a\udcff")):
        code, _, complaint = site.run(*arguments)
        assert code == 2 and "not UTF-8" in complaint and "internal" not in complaint
    assert site.asked == []
