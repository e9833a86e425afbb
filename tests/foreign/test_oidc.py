"""Editors sign in at a certified provider that is not ours (oidc-provider for Node)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Server
from tests.foreign.oidc_site import (
    Browser,
    OidcSite,
    close_browsers,
    missing,
    oidc_site,
)
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"not here: {missing()}")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcSite]:
    """A site, once its server has found the provider."""
    data = tmp_path_factory.mktemp("oidc") / "data"
    with oidc_site(data, "client_secret_basic") as site:
        browser = Browser(site)
        wait_until(lambda: browser.begin().status_code == 303)
        yield site


@pytest.fixture(autouse=True)
def browsers() -> Iterator[None]:
    """Closes the browsers of a test."""
    yield
    close_browsers()


def log_of(server: Server) -> str:
    """What the server said so far."""
    return server.log.read_text()


def test_an_editor_in_chief_signs_in_and_runs_a_feed(site: OidcSite) -> None:
    """By group; the browser holds only the session cookie."""
    browser = Browser(site)
    form = browser.ours.get(f"{site.server.url}/desk?feed=quay").text
    assert "Sign in at 127.0.0.1" in form and "start?feed=quay" in form
    answer = browser.sign_in("chief", feed="quay")
    assert answer.status_code == 200
    assert 'content="0; url=/desk?feed=quay"' in answer.text
    (cookie,) = browser.ours.cookies.jar
    assert cookie.name == "stoppress_desk" and str(cookie.value).startswith("sps_")
    slug = "oidc-chief"
    made = browser.api("POST", "/v1/feeds", json={"slug": slug, "title": "The quay"})
    assert made.status_code == 201, made.text
    token = browser.api("POST", "/v1/tokens", json={"scopes": ["read"]})
    assert token.status_code == 403
    page = browser.ours.get(f"{site.server.url}/desk")
    assert "chief of the newsroom" in page.text


def test_rights_come_from_the_claim_or_the_group(site: OidcSite) -> None:
    """A person with neither is refused with the reason, and gets no session."""
    editor = Browser(site)
    assert editor.sign_in("editor").status_code == 200
    feed = site.server.new_feed()
    path = f"/v1/feeds/{feed}/posts"
    assert editor.api("POST", path, json={"body": "x"}).status_code == 201
    assert editor.api("DELETE", f"/v1/feeds/{feed}").status_code == 403
    claimed = Browser(site)
    assert claimed.sign_in("claimed").status_code == 200
    assert claimed.api("POST", path, json={"body": "x"}).status_code == 403
    nobody = Browser(site)
    answer = nobody.sign_in("reader")
    assert answer.status_code == 403
    assert "reader of the newsroom has no role" in answer.text
    assert not list(nobody.ours.cookies.jar)


def test_forged_callbacks_are_refused(site: OidcSite) -> None:
    """The reason is in the log, and in no answer."""
    good = Browser(site)
    address = good.begin().headers["location"]
    back = good.at_provider(address, "editor")
    code = re.search(r"code=([^&]+)", back)
    assert code is not None
    attacks = {
        "wrong state": re.sub(r"state=[^&]+", "state=x", back),
        "mix-up": re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fevil.test", back),
        "malformed answer": f"{back}&code=2",
        "no code": re.sub(r"code=[^&]+&", "", back),
        "refused code": back.replace(code[1], "x" * len(code[1])),
    }
    for reason, attack in attacks.items():
        evil = Browser(site, ours=good.ours)
        cookies = list(good.ours.cookies.jar)
        answer = evil.come_back(attack)
        assert (answer.status_code, reason) == (400, reason)
        assert reason not in answer.text and "did not succeed" in answer.text
        assert f"a sign-in is refused: {reason}" in log_of(site.server)
        for cookie in cookies:
            good.ours.cookies.jar.set_cookie(cookie)
    stranger = Browser(site)
    assert stranger.come_back(back).status_code == 400, "another browser"
    cookies = list(good.ours.cookies.jar)
    assert good.come_back(back).status_code == 200
    for cookie in cookies:
        good.ours.cookies.jar.set_cookie(cookie)
    assert good.come_back(back).status_code == 400, "a code counts once"


def test_a_public_client_signs_in(tmp_path: Path) -> None:
    """Only PKCE protects the code."""
    with oidc_site(tmp_path / "data", "none") as site:
        browser = Browser(site)
        wait_until(lambda: browser.begin().status_code == 303)
        assert browser.sign_in("editor").status_code == 200
