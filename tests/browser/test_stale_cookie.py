"""A desk's cookie whose token was revoked, in the browser of somebody who reads."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Reader, Server


def test_a_stale_desk_cookie_keeps_a_public_page_live(
    reader: Reader, server: Server
) -> None:
    """It stays live, and never says that coverage has ended."""
    feed = server.new_feed()
    given = {"name": "gone", "scopes": ["publish"]}
    made = server.request("POST", "/v1/tokens", given).json()
    reader.page.goto(f"{server.url}/desk")
    reader.page.locator("input[name=token]").fill(made["token"])
    reader.page.get_by_role("button", name="Sign in").click()
    expect(reader.page.get_by_role("button", name="Sign out")).to_be_visible()
    names = {cookie.get("name") for cookie in reader.context.cookies()}
    assert "stoppress_desk" in names
    # The desk goes to its sign-in when it learns of it, which would end what we open.
    reader.page.goto("about:blank")
    path = f"/v1/tokens/{made['id']}"
    assert server.request("DELETE", path).status_code == 204
    reader.open(f"{server.url}/live/{feed}")
    server.publish(feed, "It goes on.", headline="On")
    reader.shows("On")
    reader.is_live()
    assert "Coverage has ended" not in reader.page.locator("body").inner_text()
