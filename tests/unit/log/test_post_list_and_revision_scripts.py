"""What the scripts that read posts answer becomes, without a Redis."""

from __future__ import annotations

import pytest

from stoppress.domain.errors import NotFound
from stoppress.domain.store_requests_and_results import PostState, Revision
from stoppress.log import post_list_and_revision_scripts as post_scripts
from tests.unit.log.redis_answering import redis_answering

pytestmark = pytest.mark.asyncio


async def test_a_page_says_where_the_rest_begins() -> None:
    """Or that there is none."""
    page = await post_scripts.page(
        redis_answering(b"ok", [b"1"], b"9", b"p"), "x", None, 1, False
    )
    assert page.posts == (b"1",) and page.next == (9, "p")
    page = await post_scripts.page(
        redis_answering(b"ok", [], b"", b""), "x", page.next, 1, True
    )
    assert page == ((), None)


async def test_withdrawn_posts_are_listed_by_id() -> None:
    """With the external id that it holds, if any, and whether it was taken down."""
    answer = redis_answering(b"ok", b"0", [b"p", b"3", b"e", 0, b"q", b"1", b"", 1])
    found, onward = await post_scripts.withdrawn(answer, "x", "ext", 0, 10)
    assert found == (("p", 3, "e", False), ("q", 1, None, True)) and onward == 0


async def test_the_last_state_is_known_only_if_the_last_write_kept_it() -> None:
    """A release without revisions writes beside this one: what is kept is older."""
    kept = [b"3", b'{"by":"t"}', b"body"]
    history = await post_scripts.revisions(
        redis_answering(b"ok", b"4", b"withdrawn", b"4", kept), "x", "p"
    )
    assert history.state is PostState.WITHDRAWN and history.rev == 4
    assert history.last == Revision(3, b'{"by":"t"}', b"body")
    older = await post_scripts.revisions(
        redis_answering(b"ok", b"6", b"withdrawn", b"4", kept), "x", "p"
    )
    assert older.revisions == history.revisions and older.last is None


async def test_a_missing_post_has_no_revisions() -> None:
    """It was never there."""
    with pytest.raises(NotFound, match="post 'p'"):
        await post_scripts.revisions(redis_answering(b"nopost", b"p"), "x", "p")
