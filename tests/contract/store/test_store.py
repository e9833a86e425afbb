"""Every store keeps what `desk.store_protocol` promises: in memory, Valkey, Redis."""

from __future__ import annotations

import asyncio

import pytest

from stoppress.desk.store_protocol import Store, TokenStore
from stoppress.domain.errors import (
    ExternalIdTaken,
    Gone,
    IdempotencyKeyReused,
    Invalid,
    NotFound,
    PinMoved,
    SlugTaken,
    StaleRevision,
)
from stoppress.domain.event import EventType
from stoppress.domain.store_requests_and_results import (
    Idempotency,
    Withdrawn,
    Written,
)
from tests.contract.store.news import (
    AT,
    FEED,
    AnyStore,
    body,
    feed_updated,
    made,
    published,
    updated,
    withdrawn,
    write,
)

pytestmark = pytest.mark.asyncio


@pytest.fixture
def store(any_store: AnyStore) -> AnyStore:
    """The store in memory, then in Valkey, then in Redis."""
    return any_store


async def test_the_store_fits_the_desks_ports(store: AnyStore) -> None:
    """mypy checks this."""
    desk: Store = store
    tokens: TokenStore = store
    assert (desk, tokens) == (store, store)


async def test_a_new_feed_is_at_seq_0(store: AnyStore) -> None:
    """It has an epoch of its own, and an empty log."""
    cursor = await made(store)
    assert cursor.seq == 0
    kept = await store.feed("x")
    assert kept == (FEED, 1, cursor, "")
    assert await store.feeds() == [FEED]
    with pytest.raises(SlugTaken):
        await store.make_feed("x", b"other", AT, None)
    assert await store.feeds() == [FEED]


async def test_a_feed_created_twice_under_one_key_is_created_once(
    store: AnyStore,
) -> None:
    """The second answer equals the first."""
    key = Idempotency("token-1", "k", "f")
    first = await store.make_feed("x", FEED, AT, key)
    again = await store.make_feed("x", FEED, AT, key)
    assert again == first._replace(repeated=True)
    with pytest.raises(IdempotencyKeyReused):
        await store.make_feed("x", FEED, AT, key._replace(fingerprint="g"))
    assert await store.feeds() == [FEED]


async def test_a_key_is_claimed_for_one_feed(store: AnyStore) -> None:
    """By the first request; each token has its own keys; a claim can be released."""
    key = Idempotency("token-1", "k", "f")
    assert await store.claim("x", key)
    assert not await store.claim("x", key)
    with pytest.raises(IdempotencyKeyReused):
        await store.claim("y", key)
    assert await store.claim("y", key._replace(owner="token-2"))
    await store.release(key)
    assert await store.claim("y", key)


async def test_a_key_never_claimed_can_be_released(store: AnyStore) -> None:
    """Nothing happens: callers need not know whether their claim arrived."""
    key = Idempotency("token-1", "k", "f")
    await store.release(key)
    assert await store.claim("x", key)


async def test_withdrawn_posts_are_listed(store: AnyStore) -> None:
    """Each with its rev and the external id it holds, also an imported one."""
    await made(store)
    for name, external in (("a", None), ("b", "wire-b"), ("c", None)):
        await store.write(write(published(name, external_id=external)))
    for name in ("a", "b"):
        await store.write(write(withdrawn(name, 1)))
    never = withdrawn("d", 0)._replace(rev=4, external_id="wire-d")
    await store.write(write(never))
    found: dict[str, Withdrawn] = {}
    mark: str | None = ""
    while mark is not None:
        page = await store.withdrawn("x", mark, 1)
        mark = page.next
        for one in page.posts:
            found.setdefault(one.post, one)
    assert {(name, one.external_id) for name, one in found.items()} == {
        ("a", None),
        ("b", "wire-b"),
        ("d", "wire-d"),
    }
    assert found["d"].rev == 4
    for wrong in ("posts", "order.0", "ext.-1", f"ext.{1 << 64}"):
        with pytest.raises(Invalid):
            await store.withdrawn("x", wrong, 1)
    with pytest.raises(NotFound):
        await store.withdrawn("nowhere", "", 1)


async def test_feeds_are_listed_newest_first(store: AnyStore) -> None:
    """By creation time, whatever their slugs."""
    for at, slug in enumerate(("b", "a", "c")):
        await store.make_feed(slug, slug.encode(), AT + at, None)
    assert await store.feeds() == [b"c", b"a", b"b"]


async def test_event_numbers_have_no_hole(store: AnyStore) -> None:
    """Over all writers, with any number at a time."""
    epoch = (await made(store)).epoch
    names = [f"p{i}" for i in range(50)]
    written = await asyncio.gather(
        *(store.write(write(published(name))) for name in names)
    )
    assert sorted(one.cursor.seq for one in written) == list(range(1, 51))
    assert {one.cursor.epoch for one in written} == {epoch}
    window = await store.window("x")
    assert [event.seq for event in window.events] == list(range(1, 51))
    assert {event.subject.id for event in window.events} == set(names)


async def test_each_of_many_writes_is_made_or_refused_alone(store: AnyStore) -> None:
    """However they reach the server: one refusal changes nothing for the others.

    Each finds what the ones before it made: the pin, the key, the revision, the feed.
    """
    await made(store)
    await store.write(write(published("old")))
    asked = (
        write(published("a"), key="a"),
        write(updated("old", 1), pins=("", "old")),
        write(published("b", external_id="e"), key="b"),
        write(updated("old", 1, "too late")),
        write(published("c", external_id="e"), key="c"),
        write(published("a"), key="a"),
        write(published("other"), key="a", fingerprint="f2"),
        write(published("d"), pins=("", "d")),
        write(feed_updated(1)),
        write(feed_updated(1, b"too late")),
        write(updated("nowhere", 1)),
        write(withdrawn("b", 1), published("e")),
        write(updated("b", 1)),
        write(published("f")),
    )
    found = await asyncio.gather(*map(store.write, asked), return_exceptions=True)
    seqs = [one.cursor.seq if isinstance(one, Written) else type(one) for one in found]
    assert seqs == [
        *(2, 3, 4, StaleRevision, ExternalIdTaken, 2, IdempotencyKeyReused, PinMoved),
        *(5, StaleRevision, NotFound, 7, Gone, 8),
    ]
    assert [one.repeated for one in found if isinstance(one, Written)] == [
        *(False, False, False, True, False, False, False)
    ]
    window = await store.window("x")
    names = [event.subject.id for event in window.events]
    assert names == ["old", "a", "old", "b", "x", "b", "e", "f"]
    assert [event.seq for event in window.events] == [*range(1, 9)]
    assert window.cursor.seq == 8
    assert (await store.feed("x")).pinned == "old"
    assert await store.post("x", "old") == body("old", "new")


async def test_unknown_feeds_and_posts_are_refused(store: AnyStore) -> None:
    """Each with its own error."""
    with pytest.raises(NotFound) as no_feed:
        await store.write(write(published("p")))
    assert (no_feed.value.feed, no_feed.value.post) == ("x", None)
    await made(store)
    with pytest.raises(NotFound) as no_post:
        await store.write(write(updated("p", 1)))
    assert (no_post.value.feed, no_post.value.post) == ("x", "p")
    for asked in (
        store.feed("y"),
        store.snapshot("y", 20),
        store.window("y"),
    ):
        with pytest.raises(NotFound):
            await asked
    with pytest.raises(NotFound):
        await store.page("y", None, 20)
    with pytest.raises(NotFound) as nothing:
        await store.post("y", "p")
    assert nothing.value.post is None
    with pytest.raises(NotFound) as nothing:
        await store.post("x", "p")
    assert nothing.value.post == "p"


async def test_an_expected_revision_must_be_current(
    store: AnyStore,
) -> None:
    """The error carries the current state, for posts and for the feed."""
    await made(store)
    await store.write(write(published("p")))
    await store.write(write(updated("p", 1, "two")))
    with pytest.raises(StaleRevision) as stale:
        await store.write(write(updated("p", 1, "three")))
    error = stale.value
    assert (error.expected, error.rev, error.current) == (1, 2, body("p", "two"))
    with pytest.raises(StaleRevision):
        await store.write(write(published("p")))
    await store.write(write(feed_updated(1, b"two")))
    with pytest.raises(StaleRevision) as stale:
        await store.write(write(feed_updated(1, b"three")))
    assert (stale.value.rev, stale.value.current) == (2, b"two")
    assert (await store.feed("x")).cursor.seq == 3


async def test_no_answer_contains_the_text_of_a_withdrawn_post(
    store: AnyStore,
) -> None:
    """Its id and external id stay taken."""
    await made(store)
    secret = "a-text-to-be-gone"
    await store.write(
        write(published("p", secret, external_id="ext-1"), key="k", fingerprint="f")
    )
    await store.write(write(updated("p", 1, secret + "2")))
    await store.write(write(withdrawn("p", 2)))
    with pytest.raises(Gone):
        await store.post("x", "p")
    with pytest.raises(Gone):
        await store.write(write(updated("p", 3)))
    with pytest.raises(ExternalIdTaken) as taken:
        await store.write(write(published("q", external_id="ext-1")))
    assert (taken.value.post, taken.value.current) == ("p", None)
    window = await store.window("x")
    assert [event.type for event in window.events] == [EventType.WITHDRAWN] * 3
    assert {event.body for event in window.events} == {b""}
    assert (await store.snapshot("x", 20)).page.posts == ()


async def test_an_external_id_belongs_to_one_post(store: AnyStore) -> None:
    """The error carries that post as it is."""
    await made(store)
    await store.write(write(published("p", "one", external_id="e")))
    with pytest.raises(ExternalIdTaken) as taken:
        await store.write(write(published("q", external_id="e")))
    assert (taken.value.post, taken.value.current) == ("p", body("p", "one"))
    with pytest.raises(NotFound):
        await store.post("x", "q")


async def test_a_post_is_found_by_its_external_id(store: AnyStore) -> None:
    """Withdrawn or not; with the revision of the withdrawal."""
    await made(store)
    await store.write(write(published("p", external_id="e/é")))
    assert await store.external_post("x", "e/é") == "p"
    assert await store.external_post("x", "p") is None
    await store.write(write(withdrawn("p", 1)))
    assert await store.external_post("x", "e/é") == "p"
    with pytest.raises(Gone) as gone:
        await store.post("x", "p")
    assert gone.value.rev == 2
    with pytest.raises(NotFound):
        await store.external_post("y", "e/é")


async def test_an_external_id_counts_only_when_the_post_is_new(
    store: AnyStore,
) -> None:
    """An edit neither claims one nor is refused for one."""
    await made(store)
    await store.write(write(published("p", external_id="e")))
    await store.write(write(published("q")))
    for external_id in ("e", "f"):
        edit = updated("q", (await store.feed("x")).cursor.seq - 1)
        await store.write(write(edit._replace(external_id=external_id)))
    await store.write(write(published("r", external_id="f")))
    with pytest.raises(ExternalIdTaken) as taken:
        await store.write(write(published("s", external_id="e")))
    assert taken.value.post == "p"


async def test_a_write_is_refused_for_its_posts_before_its_pin(
    store: AnyStore,
) -> None:
    """The stale revision is reported, not the moved pin: a retry would not help."""
    await made(store)
    await store.write(write(published("p"), pins=("", "p")))
    await store.write(write(published("q")))
    with pytest.raises(StaleRevision):
        await store.write(write(updated("q", 7), pins=("", "q")))
    with pytest.raises(NotFound):
        await store.write(write(withdrawn("nowhere", 1), pins=("", "q")))
    with pytest.raises(PinMoved):
        await store.write(write(updated("q", 1), pins=("", "q")))


async def test_a_repeated_write_changes_nothing(store: AnyStore) -> None:
    """The repeat wins over a stale revision and over its own external id."""
    await made(store)
    first = await store.write(write(published("p", external_id="e"), key="k"))
    await store.write(write(updated("p", 1)))
    again = await store.write(write(published("other", external_id="e"), key="k"))
    assert again == first._replace(repeated=True)
    edit = await store.write(write(updated("p", 2), key="k2", fingerprint="f2"))
    again = await store.write(write(updated("p", 2), key="k2", fingerprint="f2"))
    assert again == edit._replace(repeated=True)
    with pytest.raises(IdempotencyKeyReused):
        await store.write(write(published("q"), key="k", fingerprint="other"))
    assert (await store.feed("x")).cursor.seq == 3


async def test_the_write_under_a_key_is_recalled(store: AnyStore) -> None:
    """Per token."""
    await made(store)
    key = Idempotency("token-1", "k", "f1")
    assert await store.recall("x", key) is None
    written = await store.write(write(published("p"), key="k"))
    assert await store.recall("x", key) == written._replace(repeated=True)
    assert await store.recall("x", key._replace(owner="token-2")) is None
    with pytest.raises(IdempotencyKeyReused):
        await store.recall("x", key._replace(fingerprint="f2"))


async def test_pinning_is_one_step(store: AnyStore) -> None:
    """Both posts change, or nothing does."""
    await made(store)
    await store.write(write(published("p"), pins=("", "p")))
    await store.write(write(published("q"), pins=("p", "q")))
    with pytest.raises(PinMoved):
        await store.write(write(updated("p", 1), pins=("p", "")))
    # Half of it stale: nothing of it happens.
    with pytest.raises(StaleRevision):
        await store.write(write(updated("q", 1), updated("p", 7), pins=("q", "p")))
    assert await store.post("x", "q") == body("q")
    both = await store.write(write(updated("q", 1), updated("p", 1), pins=("q", "p")))
    assert both.cursor.seq == 4
    assert both.post == "p"
    assert (await store.feed("x")).pinned == "p"
    assert (await store.snapshot("x", 20)).pinned == body("p", "new")
    await store.write(write(withdrawn("p", 2), pins=("p", "")))
    assert (await store.snapshot("x", 20)).pinned is None


async def test_tokens_are_stored_found_listed_and_deleted(store: AnyStore) -> None:
    """Each by its digest."""
    assert await store.token("d") is None
    await store.put_token("d", b"record")
    assert await store.token("d") == b"record"
    assert await store.token_records(["n", "d"]) == [None, b"record"]
    assert await store.tokens() == [("d", b"record")]
    await store.put_token_uses({"d": 29_000_000, "e": 1})
    await store.put_token_uses({"d": 29_000_001})
    assert await store.token_uses() == {"d": 29_000_001, "e": 1}
    assert await store.drop_token("d") is True
    assert await store.token_uses() == {"e": 1}
    assert await store.drop_token("d") is False
