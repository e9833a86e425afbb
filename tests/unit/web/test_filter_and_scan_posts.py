"""Which posts of a feed, in which order, and the pages of them."""

from __future__ import annotations

import json
from typing import cast

import pytest

from stoppress.desk.store_protocol import Store
from stoppress.domain.errors import Invalid
from stoppress.domain.store_requests_and_results import PageMark
from stoppress.web import paginate_posts_as_json
from stoppress.web.filter_and_scan_posts import PostFilter, filtered_posts
from stoppress.web.paginate_posts_as_json import mark_text
from tests.unit.web.web_harness import Stand, feed, post


@pytest.mark.parametrize(
    ("query", "choice"),
    [
        ({}, PostFilter()),
        ({"tag": "rail", "key": "true"}, PostFilter("rail", key=True)),
        ({"key": "0", "order": "newest"}, PostFilter()),
        ({"key": "1", "order": "oldest"}, PostFilter(key=True, rising=True)),
    ],
)
def test_a_query_is_a_choice(query: dict[str, str], choice: PostFilter) -> None:
    assert PostFilter.of(query) == choice


@pytest.mark.parametrize(
    "query", [{"key": "yes"}, {"order": "up"}, {"key": ""}, {"order": ""}]
)
def test_an_invalid_query_is_refused(query: dict[str, str]) -> None:
    """With the field that is wrong."""
    with pytest.raises(Invalid) as refused:
        PostFilter.of(query)
    assert refused.value.field == next(iter(query))


def test_a_choice_has_its_pages() -> None:
    """For readers, and for programs; where it goes on depends on the order."""
    assert PostFilter().page("x") == "/live/x"
    assert "tag=a+b" in PostFilter("a b").page("x") or "tag=a%20b" in PostFilter(
        "a b"
    ).page("x")
    rising = PostFilter(key=True, rising=True)
    assert "order=oldest" in rising.page("x") and "key=true" in rising.page("x")
    assert rising.path("x", None, "5").startswith("/v1/feeds/x/posts?")
    assert "limit=5" in rising.path("x", None, "5")


def test_a_mark_is_read_from_the_name_of_its_order() -> None:
    """Before what is newer, after what is older; one that is none is refused."""
    assert PostFilter().mark({}) is None
    mark = mark_text(PageMark(3, "01m8aaaaaaaaaa"))
    assert PostFilter().mark({"after": mark}) is None
    assert PostFilter(rising=True).mark({"after": mark}) == (3, "01m8aaaaaaaaaa")
    for name in ("after", "before"):
        with pytest.raises(Invalid):
            PostFilter(rising=True).mark({name: "nonsense!"})


@pytest.fixture
def store() -> Store:
    """Thirty posts, every third with a tag, every tenth a key moment."""
    stand = Stand()
    posts = [
        post(n, tags=["rail"] if n % 3 == 0 else [], key=n % 10 == 0) for n in range(30)
    ]
    stand.put(feed(), *posts)
    return cast(Store, stand)


def numbers(bodies: list[bytes]) -> list[int]:
    """Which posts these are."""
    return [int(json.loads(body)["id"]) for body in bodies]


@pytest.mark.asyncio
async def test_pages_of_a_choice_have_each_post_once(store: Store) -> None:
    """In order, whichever; the last one has no next."""
    for choice, wanted in (
        (PostFilter("rail"), [27, 24, 21, 18, 15, 12, 9, 6, 3, 0]),
        (PostFilter("rail", rising=True), [0, 3, 6, 9, 12, 15, 18, 21, 24, 27]),
        (PostFilter(key=True), [20, 10, 0]),
        (PostFilter("rail", key=True), [0]),
        (PostFilter("nothing"), []),
    ):
        found, mark = await filtered_posts(store, "x", choice, None, 4)
        while mark is not None:
            more, mark = await filtered_posts(store, "x", choice, mark, 4)
            found += more
        assert numbers(found) == wanted, choice


@pytest.mark.asyncio
async def test_a_search_is_bounded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends where so many were looked at, and says where to look on."""
    monkeypatch.setattr(paginate_posts_as_json, "MAX_SCANNED_RECORDS", 20)
    monkeypatch.setattr(paginate_posts_as_json, "SCAN_STEP", 10)
    found, mark = await filtered_posts(store, "x", PostFilter(key=True), None, 10)
    assert numbers(found) == [20, 10] and mark is not None
    found, mark = await filtered_posts(store, "x", PostFilter(key=True), mark, 10)
    assert numbers(found) == [0] and mark is None
