"""The settings of pictures, of content from other hosts, of webhooks' hosts, and of
security.txt.

Rules: as in `settings.py`. In a list of hosts `*` is any host; an empty list is the
site itself only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stoppress.domain.external_picture_and_embed_rules import (
    ForeignContent,
    Hosts,
    host_fault,
)
from stoppress.domain.webhook_internal_hosts import InternalHosts
from stoppress.setting_declaration_and_checks import BadSetting, parts_of
from stoppress.setting_declaration_and_checks import setting as _


@dataclass(frozen=True, kw_only=True)
class ContentSettings:
    """The part of `Settings` about content from other hosts."""

    media_hosts: str = _(
        "*",
        "hosts whose pictures posts show, such as pictures.example,*.cdn.example; "
        "pictures of other hosts become links; *: any; empty: only the site's",
    )
    embed_hosts: str = _(
        "*",
        "hosts whose embeds load on a click; embeds of other hosts become links; *: "
        "any; empty: only the site's",
    )
    media_store: str = _(
        "",
        "where uploaded pictures are kept: a folder, or s3://bucket/prefix; empty: "
        "the folder media in the data folder",
    )
    media_bytes: int = _(
        20 << 20,
        "largest picture that may be uploaded",
        unit="bytes",
        zero="none may be uploaded",
    )
    media_pixels: int = _(
        64_000_000,
        "most pixels of an uploaded picture, width by height; decoding takes 12 bytes "
        "of memory each",
        unit="pixels",
        least=1,
    )
    unused_media_days: float = _(
        30,
        "age at which an uploaded picture that nothing uses is removed",
        unit="days",
        zero="never",
    )
    link_card_timeout_s: float = _(
        5.0,
        "how long the page of a link card may take, with its redirects",
        unit="s",
        zero="no link cards are fetched",
    )
    link_card_bytes: int = _(
        512 << 10,
        "how much of a page is read for its link card, also once unpacked",
        unit="bytes",
        least=1024,
    )
    webhook_hosts: str = _(
        "",
        "hosts and networks of your own that webhooks may be sent to besides public "
        "addresses, such as cms.internal:8080,10.2.0.0/16; empty: none",
    )
    security_contact: str = _(
        "",
        "where to report a vulnerability, for security.txt: https://… or mailto:…; "
        "empty: there is no security.txt",
    )

    if TYPE_CHECKING:

        @property
        def base(self) -> str:
            """The site's address."""

        publisher_logo: str
        data: Path

    def check_content(self) -> None:
        """Raises BadSetting for an invalid host or contact."""
        for name in ("media_hosts", "embed_hosts"):
            for entry in parts_of(getattr(self, name)):
                if (fault := host_fault(entry.lower())) is not None:
                    raise BadSetting(f"{name} is invalid: {fault}")
        place = self.media_store
        if place.startswith("s3:") and not re.fullmatch(
            r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w.-]+)*/?", place, re.ASCII
        ):
            raise BadSetting(
                f"media_store={place!r} is invalid: use a folder, or a bucket such as "
                "s3://pictures/liveblog; its address and keys are in the environment: "
                "AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION"
            )
        try:
            self.internal_hosts  # noqa: B018 (it parses the list)
        except ValueError as wrong:
            raise BadSetting(f"webhook_hosts is invalid: {wrong}") from None
        contact = self.security_contact
        if contact and not (
            contact.startswith(("https://", "mailto:")) and contact.isprintable()
        ):
            raise BadSetting(
                f"security_contact={contact!r} is invalid: use https://… or mailto:…"
            )

    @cached_property
    def internal_hosts(self) -> InternalHosts:
        """The hosts in `webhook_hosts`."""
        return InternalHosts.of(parts_of(self.webhook_hosts))

    @property
    def media_place(self) -> str:
        """Where uploaded pictures are kept."""
        return self.media_store or str(self.data / "media")

    @cached_property
    def foreign_content(self) -> ForeignContent | None:
        """What posts may load from other hosts; None: anything."""
        pictures, embeds = self._hosts(self.media_hosts), self._hosts(self.embed_hosts)
        return None if pictures.any and embeds.any else ForeignContent(pictures, embeds)

    @property
    def picture_sources(self) -> str:
        """The sources of `img-src` in a Content-Security-Policy."""
        logo = urlsplit(self.publisher_logo).netloc
        return f"{_sources(self._hosts(self.media_hosts), logo)} data:"

    @property
    def frame_sources(self) -> str:
        """The sources of `frame-src`."""
        return _sources(self._hosts(self.embed_hosts), "")

    def _hosts(self, given: str) -> Hosts:
        return Hosts(parts_of(given.lower()), self.base)


def _sources(hosts: Hosts, also: str) -> str:
    if hosts.any:
        return "*"
    return " ".join(["'self'", *hosts.entries, *([also] if also else ())])
