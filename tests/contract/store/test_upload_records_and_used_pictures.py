"""Uploads are noted once under their key; a picture in use is found."""

from __future__ import annotations

import pytest

from stoppress.domain.errors import IdempotencyKeyReused, NotFound
from stoppress.domain.store_requests_and_results import Idempotency
from stoppress.log.audit_log import RedisAudit
from stoppress.log.pool import Pool
from stoppress.log.store import RedisStore
from stoppress.log.upload_records_and_used_pictures import UploadRecords
from tests.contract.store.news import made, published, updated, withdrawn, write

pytestmark = pytest.mark.asyncio
KEY = Idempotency("me", "k", "f1")
IDS = [f"a{number:016}" for number in range(5)]
NAME = f"{IDS[0]}-900x600.jpg"


def records_of(link: Pool) -> UploadRecords:
    """The records in one store."""
    return UploadRecords(link, RedisAudit(link, 0), 60)


async def test_an_upload_is_recorded_once(store: RedisStore, link: Pool) -> None:
    """The first one counts; another file under that key is refused."""
    records = records_of(link)
    with pytest.raises(NotFound):
        await records.uploaded("x", KEY)
    with pytest.raises(NotFound):
        await records.note_upload("x", NAME, None)
    await made(store)
    assert await records.uploaded("x", KEY) is None
    assert await records.note_upload("x", NAME, KEY) == NAME
    assert await records.uploaded("x", KEY) == NAME
    other = NAME.replace("900", "800")
    assert await records.note_upload("x", other, KEY) == NAME
    with pytest.raises(IdempotencyKeyReused):
        await records.uploaded("x", KEY._replace(fingerprint="f2"))
    assert await records.note_upload("x", other, None) == other
    page = await store.audit.page("x", "", 10)
    assert [entry.what for _, entry in page.entries][:2] == ["picture.uploaded"] * 2
    assert page.entries[0][1].subject == IDS[0]


async def test_a_used_picture_is_found(store: RedisStore, link: Pool) -> None:
    """In a post, an earlier state or a withdrawn post; not in the post being erased."""

    def naming(number: int) -> str:
        return f"![x](/media/x/{IDS[number]}-900x600.jpg)"

    records = records_of(link)
    await made(store)
    await store.write(write(published("p", naming(0))))
    await store.write(write(updated("p", 1, naming(1))))
    await store.write(write(published("q", naming(2))))
    await store.write(write(withdrawn("q", 1)))
    await store.write(write(published("r", naming(3))))
    assert await records.used_pictures("x", IDS) == set(IDS[:4])
    assert await records.used_pictures("x", IDS, "p") == set(IDS[2:4])
    assert await records.used_pictures("x", IDS, "q") == {IDS[0], IDS[1], IDS[3]}
    assert await records.used_pictures("x", IDS[:1], "") == {IDS[0]}
    assert await records.used_pictures("y", IDS) == set()


async def test_one_process_removes_unused_pictures(
    store: RedisStore, link: Pool
) -> None:
    """Until its lease ends."""
    records = records_of(link)
    assert await records.claim_removal(60)
    assert not await records.claim_removal(60)
