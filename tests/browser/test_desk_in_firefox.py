"""The desk's main path in Firefox as shipped: what a day of coverage is made of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.browser.engines import Firefox, a_firefox, missing, until
from tests.conftest import Server

CONTROL, ENTER, END = "\ue009", "\ue007", "\ue010"
"""Keys, as WebDriver names them."""


def focus(desk: Firefox, element: str) -> None:
    """Focus an element once it is there, and can be used."""
    until(
        desk,
        f"(() => {{ const found = {element}; found?.focus(); "
        "return !!found && document.activeElement === found; })()",
    )


def field(name: str) -> str:
    """A field of the composer."""
    return f"document.getElementById('write').elements.namedItem('{name}')"


def button(row: str, text: str) -> str:
    """A button in the row of a post."""
    return (
        "[...document.querySelectorAll('#posts > li')]"
        f".find((row) => row.textContent.includes({json.dumps(row)}))"
        "?.querySelectorAll('button').values()"
        f".find((one) => one.textContent.trim() === {json.dumps(text)})"
    )


def has(text: str) -> str:
    """Whether the reader's posts have a text."""
    posts = "document.querySelector('.sp-posts')"
    return f"!!{posts}?.innerText.includes({json.dumps(text)})"


def test_a_post_is_published_edited_withdrawn_and_restored(
    server: Server, tmp_path: Path
) -> None:
    """By keyboard; a reader's page shows each step at once."""
    if why := missing("firefox"):
        pytest.skip(why)
    feed = server.new_feed()
    server.publish(feed, "It rains.", headline="First")
    with a_firefox(tmp_path / "firefox") as reader:
        reader.open(f"{server.url}/live/{feed}")
        until(reader, "document.querySelector('.sp-line')?.dataset.line === 'live'")
        desk = reader.window()  # the newest one has the keyboard
        desk.open(f"{server.url}/desk?feed={feed}")
        focus(desk, "document.querySelector('input[name=token]')")
        desk.press(*server.token, ENTER)
        until(desk, "document.getElementById('line')?.textContent === 'Live'")

        focus(desk, field("headline"))
        desk.press(*"Lock 3")
        focus(desk, field("body"))
        desk.press(*"Opens at noon.", ENTER, *"Says the harbour.")
        desk.press(ENTER, held=CONTROL)
        until(desk, f"{field('body')}.value === '' && {field('headline')}.value === ''")
        until(desk, "!!document.querySelector('#outbox [data-state=out]')")
        until(reader, has("Opens at noon."))

        focus(desk, button("Lock 3", "Edit"))
        desk.press(ENTER)
        until(desk, f"{field('body')}.value.startsWith('Opens at noon.')")
        focus(desk, "document.querySelector('[name=told][value=correction]')")
        desk.press(" ")
        focus(desk, field("correction"))
        desk.press(*"It opens later.")
        focus(desk, field("body"))
        desk.press(END, held=CONTROL)
        desk.press(*" At two.")
        desk.press(ENTER, held=CONTROL)
        until(reader, f"{has('At two.')} && {has('It opens later.')}")

        focus(desk, button("Lock 3", "Withdraw"))
        desk.press(ENTER)
        until(reader, f"!{has('Opens at noon.')} && {has('It rains.')}")
        focus(desk, "document.querySelector('#list-status button')")
        desk.press(ENTER)
        until(reader, has("At two."))
        posts = server.request("GET", f"/v1/feeds/{feed}/posts").json()["posts"]
        assert [post["headline"] for post in posts] == ["Lock 3", "First"]
