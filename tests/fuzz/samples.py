"""Bodies and messages that are right, of every kind, to be bent."""

from __future__ import annotations

POST: dict[str, object] = {
    "headline": "Water rises",
    "body": "The *quay* is [closed](https://live.example.org/a).\n\n- one\n- two",
    "language": "tr",
    "direction": "ltr",
    "key": True,
    "breaking": False,
    "pinned": False,
    "tags": ["quay", "flood"],
    "authors": [{"name": "A. Writer", "url": "/writers/a"}],
    "source": {"name": "Harbour", "url": "https://harbour.example/"},
    "media": [
        {"type": "image", "url": "/a.jpg", "width": 640, "height": 360, "alt": "Quay"},
        {"type": "quote", "text": "It rises.", "caption": "The harbour master"},
    ],
    "published_at": "2026-11-24T10:00:00+03:00",
    "correction": {"note": "It was the north quay."},
}
FEED: dict[str, object] = {
    "title": "The quay",
    "standfirst": "All day.",
    "summary": "Water",
    "status": "live",
    "language": "en",
    "direction": "ltr",
    "timezone": "Europe/Istanbul",
    "visibility": "public",
    "coverage_start": "2026-11-24T06:00:00Z",
    "coverage_end": "2026-11-24T18:00:00Z",
    "links": [{"title": "Map", "url": "https://maps.example/quay"}],
    "share": ["link", "mail"],
    "image": {"url": "/i.png", "width": 10, "height": 10, "alt": "i"},
    "show_readers": True,
}
NEW_FEED: dict[str, object] = {"slug": "quay", **FEED}
TOKEN: dict[str, object] = {
    "scopes": ["read", "publish"],
    "name": "n",
    "feeds": ["quay", "vote-*"],
    "expires_at": "2099-11-24T10:00:00+03:00",
}
MADE: dict[str, object] = {
    "created_at": "2026-11-24T09:00:00.000Z",
    "updated_at": "2026-11-24T09:00:00.000Z",
    "rev": 3,
    "url": "https://live.example.org/live/quay",
}
POST_ID = "01hq3examp0000"
POST_COPY: dict[str, object] = {
    **POST,
    "id": POST_ID,
    "external_id": None,
    "html": "<p>The quay</p>",
    "updated_at": "2026-11-24T09:00:00.000Z",
    "correction": {"note": "It was.", "at": "2026-11-24T09:00:00.000Z"},
    "rev": 2,
    "url": f"https://live.example.org/live/quay/{POST_ID}",
}
FEED_COPY: dict[str, object] = {**NEW_FEED, **MADE}
WITHDRAWN: dict[str, object] = {"id": POST_ID, "rev": 2, "external_id": "x"}
