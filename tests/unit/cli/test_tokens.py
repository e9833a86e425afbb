"""`stoppress token`."""

from __future__ import annotations

from stoppress.cli.tokens import SCOPES
from stoppress.desk import caller
from tests.unit.cli.site import Site


def test_the_scopes_are_those_of_the_server() -> None:
    assert SCOPES == caller.SCOPES


def test_a_token_is_made_and_shown_once(site: Site) -> None:
    """For everywhere, unless feeds are named."""
    site.answers["POST /v1/tokens"] = 201, {"token": "sp_new"}
    assert site.run("token", "create", "agency") == (0, "sp_new\n", "")
    options = ("--scope", "read", "--feed", "x", "--feed", "y")
    assert site.run("token", "create", "agency", *options)[0] == 0
    ends = (
        "--scope",
        "draft",
        "--scope",
        "manage",
        "--expires",
        "2026-12-01T00:00:00Z",
    )
    assert site.run("token", "create", "agency", *ends)[0] == 0
    (_, _, first), (_, _, second), (_, _, third) = site.writes()
    assert first["name"] == "agency" and first["feeds"] is None
    assert first["scopes"] == ["publish"] and "expires_at" not in first
    assert third["scopes"] == ["draft", "manage"]
    assert third["expires_at"] == "2026-12-01T00:00:00Z"
    assert (second["scopes"], second["feeds"]) == (["read"], ["x", "y"])
    assert site.asked[0].headers["authorization"] == "Bearer sp_t"


def test_tokens_are_listed_for_people_and_for_programs(site: Site) -> None:
    """One a line, with tabs between, where no terminal is."""
    one = {
        "id": "t1",
        "name": "the desk",
        "scopes": ["read", "publish"],
        "feeds": None,
        "created_at": "2026-11-28T10:00:00Z",
    }
    other = one | {"id": "t2", "feeds": ["x", "y"], "last_used_at": "2026-11-28T11:00Z"}
    site.answers["GET /v1/tokens"] = 200, {"tokens": [one, other]}
    code, said, _ = site.run("token", "list")
    first, second = said.splitlines()
    assert code == 0 and first.split("\t")[:4] == [
        "t1",
        "the desk",
        "read publish",
        "all",
    ]
    assert first.split("\t")[5:] == ["never", "never"]
    assert second.split("\t")[3] == "x y"
    assert second.split("\t")[5:] == ["never", "2026-11-28T11:00Z"]
    assert '"id": "t1"' in site.run("token", "list", "--json")[1]


def test_a_token_is_revoked_by_its_id(site: Site) -> None:
    """Whatever stands in it goes into the path as it is."""
    site.answers["DELETE /v1/tokens/a%2Fb"] = 204, None
    assert site.run("token", "revoke", "a/b") == (0, "revoked a/b\n", "")


def test_an_id_that_would_be_another_address_is_misuse(site: Site) -> None:
    """Nothing is sent."""
    for name in ("", ".", ".."):
        code, _, complaint = site.run("token", "revoke", name)
        assert code == 2 and "id=" in complaint
    assert site.asked == []
