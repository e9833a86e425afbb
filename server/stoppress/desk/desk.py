"""The desk: the editors' commands for feeds, posts, drafts and imports, over one store.

Callers of these commands check authorization first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from stoppress.desk.draft_store_protocol import DraftStore
from stoppress.desk.drafts import DraftDesk
from stoppress.desk.feed_import import ImportDesk
from stoppress.desk.feeds import FeedDesk
from stoppress.desk.history_and_restore_withdrawn import RevisionDesk
from stoppress.desk.posts import PostDesk
from stoppress.desk.posts_by_external_id import ExternalPostDesk
from stoppress.desk.presence_and_leases import PresenceDesk
from stoppress.desk.takedown import Eraser, Purge, TakedownDesk, no_purge
from stoppress.desk.templates_and_post_notes import (
    DeskTextStore,
    PostNotesDesk,
    TemplateDesk,
)
from stoppress.desk.upload_and_take_down_pictures import (
    NoPictures,
    PictureDesk,
    PictureLibrary,
    UploadStore,
)
from stoppress.desk.webhooks_and_dead_letters import WebhookDesk, WebhookStore
from stoppress.desk.write_outcome_and_checks import now_ms


class DeskStore(DraftStore, WebhookStore, DeskTextStore, Protocol):
    """The stores that the desk needs, as one."""


class Desk:
    """The commands that write to one store."""

    def __init__(
        self,
        store: DeskStore,
        clock: Callable[[], int] = now_ms,
        *,
        eraser: Eraser | None = None,
        purge: Purge = no_purge,
        uploads: UploadStore | None = None,
        library: PictureLibrary | None = None,
        site: str = "",
        check_address: Callable[[str], object] = lambda url: None,
        max_drafts: int = 0,
    ) -> None:
        library = library or NoPictures()
        self.feeds = FeedDesk(store, clock)
        self.posts = PostDesk(store, clock, site)
        self.drafts = DraftDesk(store, self.posts, clock, max_drafts)
        self.webhooks = WebhookDesk(store, clock, check_address)
        self.presence = PresenceDesk(store)
        self.templates = TemplateDesk(store, clock, site)
        self.post_notes = PostNotesDesk(store, clock)
        self.pictures = PictureDesk(
            uploads, library, None if eraser is None else eraser.confirmations
        )
        self.takedowns = TakedownDesk(
            *(store, self.posts, self.drafts, self.pictures, clock, eraser, purge)
        )
        self.revisions = RevisionDesk(store, self.posts, clock)
        self.external_posts = ExternalPostDesk(store, self.posts, self.revisions)
        self.imports = ImportDesk(store, self.feeds, self.posts, self.takedowns, clock)
