"""Templates and notes are checked when they are kept; the store bounds their number."""

from __future__ import annotations

import json

import pytest

from stoppress.desk.post_ids_and_idempotency_keys import Requester
from stoppress.desk.templates_and_post_notes import (
    MAX_TEMPLATES,
    PostNotes,
    PostNotesDesk,
    TemplateDesk,
    tag_of,
)
from stoppress.domain.draft import Person
from stoppress.domain.errors import (
    Conflict,
    DeletedSince,
    IdempotencyKeyReused,
    Invalid,
    NotFound,
    StaleNotes,
)
from tests.contract.store.news import published, write
from tests.memory_store import MemoryStore

pytestmark = pytest.mark.asyncio

CALLER, ANNA = Requester("t"), Person("t", "Anna")


def raw(**given: object) -> bytes:
    return json.dumps(given).encode()


async def test_a_template_is_kept_replaced_and_deleted() -> None:
    """By its id; they are listed by name, in either case."""
    desk = TemplateDesk(MemoryStore(), lambda: 0)
    post = {"body": "**Score**", "tags": ["match"], "key": True}
    await desk.put("b", raw(name="kick-off", post=post), ANNA, CALLER)
    await desk.put("a", raw(name="Weather"), ANNA, CALLER)
    first, second = await desk.all()
    assert (first.name, first.post.body, first.by) == ("kick-off", "**Score**", ANNA)
    assert (second.id, second.post.tags) == ("a", ())
    await desk.put("a", raw(name="A storm"), ANNA, CALLER)
    assert [one.name for one in await desk.all()] == ["A storm", "kick-off"]
    await desk.drop("a", CALLER)
    with pytest.raises(NotFound, match="no template 'a'"):
        await desk.drop("a", CALLER)


@pytest.mark.parametrize(
    ("ident", "given", "field"),
    [
        ("a b", {"name": "N"}, "id"),
        ("a" * 65, {"name": "N"}, "id"),
        ("a", {"name": ""}, "name"),
        ("a", {"name": "N" * 101}, "name"),
        ("a", {"name": "N", "post": {"body": "a" * 16_384}}, "post"),
        ("a", {"name": "N", "post": {"authors": [{"name": ""}]}}, "post"),
        ("a", {"name": "N", "more": 1}, "more"),
    ],
)
async def test_a_template_that_is_refused(
    ident: str, given: dict[str, object], field: str
) -> None:
    """Nothing of it is kept."""
    store = MemoryStore()
    with pytest.raises(Invalid) as refused:
        await TemplateDesk(store, lambda: 0).put(ident, raw(**given), ANNA, CALLER)
    assert str(refused.value).startswith(field)
    assert not store.texts


async def test_templates_have_a_bound_and_take_a_key() -> None:
    """A repeat has the first answer, until the template is gone."""
    store = MemoryStore()
    desk, key = TemplateDesk(store, lambda: 0), Requester("t", "k")
    made = await desk.put("a", raw(name="A"), ANNA, key)
    assert await desk.put("a", raw(name="A"), ANNA, key) == made
    with pytest.raises(IdempotencyKeyReused):
        await desk.put("a", raw(name="B"), ANNA, key)
    for n in range(1, MAX_TEMPLATES):
        await desk.put(f"n{n}", raw(name="N"), ANNA, CALLER)
    with pytest.raises(Conflict, match="200 templates at most"):
        await desk.put("one-more", raw(name="N"), ANNA, CALLER)
    await desk.drop("a", CALLER)
    with pytest.raises(DeletedSince):
        await desk.put("a", raw(name="A"), ANNA, key)
    assert store.audited[0] == ("template.put", "a")
    assert store.audited[-1] == ("template.deleted", "a")


async def test_notes_are_one_text_per_post() -> None:
    """Empty ones are none; a post that is not there has none."""
    store = MemoryStore()
    await store.make_feed("x", b"{}", 1, None)
    await store.write(write(published("p")))
    desk = PostNotesDesk(store, lambda: 0)
    assert (await desk.of("x", "p")).notes == PostNotes()
    made = await desk.put("x", "p", raw(notes="Call back."), ANNA, CALLER)
    assert (made.notes.notes, made.notes.by) == ("Call back.", ANNA)
    assert await desk.of("x", "p") == made
    for _ in range(2):
        emptied = await desk.put("x", "p", raw(notes=""), ANNA, CALLER)
        assert emptied == await desk.of("x", "p") == (PostNotes(), tag_of(b""))
    with pytest.raises(NotFound):
        await desk.put("x", "q", raw(notes="No."), ANNA, CALLER)
    with pytest.raises(Invalid):
        await desk.put("x", "p", raw(notes="a" * 20_001), ANNA, CALLER)
    assert store.audited == [("post.noted", "p")] * 2


async def test_notes_changed_meanwhile_are_not_replaced() -> None:
    """The refusal has those of now; a repeat of what was done is no refusal."""
    store = MemoryStore()
    await store.make_feed("x", b"{}", 1, None)
    await store.write(write(published("p")))
    desk, key = PostNotesDesk(store, lambda: 0), Requester("t", "k")
    none = {(await desk.of("x", "p")).tag}
    first = await desk.put("x", "p", raw(notes="A"), ANNA, key, frozenset(none))
    again = await desk.put("x", "p", raw(notes="A"), ANNA, key, frozenset(none))
    assert again == first == await desk.of("x", "p")
    with pytest.raises(StaleNotes) as stale:
        await desk.put("x", "p", raw(notes="B"), ANNA, CALLER, frozenset(none))
    assert stale.value.tag == first.tag
    assert json.loads(stale.value.current)["notes"] == "A"
    with pytest.raises(StaleNotes):
        await desk.put("x", "p", raw(notes=""), ANNA, CALLER, frozenset(none))
    emptied = await desk.put(
        "x", "p", raw(notes=""), ANNA, CALLER, frozenset({first.tag})
    )
    assert emptied.tag in none
