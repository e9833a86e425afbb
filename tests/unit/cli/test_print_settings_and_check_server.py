"""`stoppress settings` and `stoppress doctor`."""

from __future__ import annotations

import pytest

from stoppress.cli.api_client import ApiClient
from stoppress.cli.print_settings_and_check_server import _description
from stoppress.cli.program import run
from tests.ports import reserve_port
from tests.unit.cli.site import Site

VERSION = {"info": {"version": "1.2.3"}, "servers": [{"url": "http://127.0.0.1:8000"}]}


def healthy(site: Site) -> None:
    """A server with nothing wrong."""
    site.answers |= {
        "GET /healthz": (200, None),
        "GET /readyz": (200, None),
        "GET /openapi.json": (200, VERSION),
        "GET /v1/feeds?all=true": (200, {"feeds": []}),
    }


def test_a_healthy_server_is_well(site: Site) -> None:
    """Each thing that was looked at is a line."""
    healthy(site)
    code, said, complaint = site.run("doctor")
    assert (code, complaint) == (0, "")
    assert {line.split()[0] for line in said.splitlines()} == {"ok"}
    assert "version 1.2.3" in said and "the token is known" in said


@pytest.mark.parametrize(
    ("path", "status", "answer", "wrong"),
    [
        ("/healthz", 500, None, "/healthz answers 500"),
        ("/readyz", 503, {"detail": "Redis is away"}, "not ready: Redis is away"),
        ("/readyz", 503, None, "/readyz answers 503"),
        ("/openapi.json", 200, {}, "not a Stop Press server"),
        ("/v1/feeds?all=true", 401, None, "the token is unknown"),
    ],
)
def test_doctor_prints_each_problem(
    path: str, status: int, answer: object, wrong: str, site: Site
) -> None:
    """And it fails, for programs."""
    healthy(site)
    site.answers[f"GET {path}"] = status, answer
    code, said, complaint = site.run("doctor")
    assert code == 1 and "see above" in complaint
    assert [line for line in said.splitlines() if line.startswith("wrong")] == [
        line for line in said.splitlines() if wrong in line
    ]


@pytest.mark.parametrize(
    ("address", "source", "asked_as", "says"),
    [
        ("https://set.example", "public_url", "", ""),
        ("http://127.0.0.1:8000", "listening", "http://localhost:8000", ""),
        (
            "http://127.0.0.1:8000",
            "listening",
            "https://news.example",
            "trusted_proxies",
        ),
        ("https://told.example", "forwarded", "", "set public_url"),
    ],
)
def test_an_address_that_is_not_set_behind_a_proxy_is_warned_of(
    address: str, source: str, asked_as: str, says: str, site: Site
) -> None:
    """It works, so it is nothing wrong; the setting is named."""
    server = {"url": address, "x-address-from": source}
    described = {"info": {"version": "1"}, "servers": [server]}
    site.answers["GET /openapi.json"] = 200, described
    api = ApiClient(site.url, None)
    api.url = asked_as or api.url
    findings = list(_description(api))
    assert all(finding.ok for finding in findings)
    warned = [finding.what for finding in findings if finding.is_warning]
    assert len(warned) == bool(says)
    assert says in " ".join(warned)


def test_doctor_fails_without_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{reserve_port()}"
    assert run(["doctor", "--url", url]) == 1
    assert f"no answer from {url}" in capsys.readouterr().out


def test_settings_are_told_and_secrets_are_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the names of their variables."""
    secret = "sp_a_very_secret_admin_token"
    monkeypatch.setenv("STOPPRESS_ADMIN_TOKEN", secret)
    assert run(["settings"]) == 0
    said = capsys.readouterr().out
    rows = {row.split("\t")[0]: row for row in said.splitlines()}
    assert "(set)" in rows["STOPPRESS_ADMIN_TOKEN"] and secret not in said
    assert "8000" in rows["STOPPRESS_PORT"]
