"""The names of all keys and channels in Redis.

The keys of one feed have the hash tag `{slug}`, so that one script can use all of
them, in a cluster too. The index of feeds, the tokens, the counts of readers and the
inbox are outside: no script of a feed uses them.

    stoppress:{slug}:meta    hash    epoch, seq, replid, life, born, rev, feed, pinned,
                                     secret (of the marks of messages)
    stoppress:{slug}:log     stream  `<seq>-0`: type, post, rev, at
    stoppress:{slug}:posts   hash    post id: `<rev> <kept JSON>`; withdrawn: `<rev> `
    stoppress:{slug}:order   zset    post id by published_at, in ms
    stoppress:{slug}:ext     hash    external id: post id
    stoppress:{slug}:revisions hash  earlier states of posts (`keep_revision.lua`)
    stoppress:{slug}:idem:*  text    the call with an Idempotency-Key
    stoppress:{slug}:audit   stream  entry; it outlives the feed
    stoppress:{slug}:line    sharded channel of the feed's events; `…:line:2` in
                             database 2, as all databases share the channels
    stoppress:{slug}:desk:…  the same keys of the feed's desk log: its `posts` are
                             drafts, its `ext` the published ones (draft: `<post>
                             <cursor>`), its meta has `of`: the `born` of its feed
    stoppress:{slug}:desk:presence hash  people there, leases (`touch_presence.lua`)
    stoppress:{slug}:webhooks  hash  `of`: the `born` of its feed; hook <id>: its
                             record; cursor <id>: the last event delivered
    stoppress:{slug}:webhooks:dead  stream  letter: a delivery given up
    stoppress:{slug}:webhooks:resends  zset  ids of dead letters to send again, by when
                             that was requested, in ms
    stoppress:{slug}:webhooks:*     text    process that delivers to that webhook
    stoppress:webhooks       zset    slugs of feeds that may have webhooks
    stoppress:schedule       zset    `<slug> <draft> <due>` by when it is due, in ms
    stoppress:making:*       text    slug of the feed made with an Idempotency-Key
    stoppress:feeds          zset    `<slug> <born>` by when it was made, in ms
    stoppress:audit          stream  entry: sign-ins
    stoppress:audit:refused  stream  entry: refused sign-ins
    stoppress:audit:{stoppress:tokens}  stream  entry: tokens; in their slot
    stoppress:audit:{stoppress:settings}  stream  entry: settings, likewise
    stoppress:settings       string  digests of the settings at the last start
    stoppress:audit:feeds    zset    slug of each deleted feed, by when, in ms
    stoppress:node           hash    life, replid, sure, place of the server; in a
                                     cluster there is none
    stoppress:tokens         hash    digest: record
    stoppress:made:{stoppress:tokens}:*  text  the token made or revoked with a key:
                                     salt and digest; in the slot of the tokens
    stoppress:limit:*        text    when a shared limit's bucket is full again, in ms
    stoppress:ticket-keys    hash    key's id: key that signs readers' tickets
    stoppress:session:*      text    a session's record, under its secret's digest
    stoppress:sessions:*     zset    sessions of one person by when they began, in ms
    stoppress:once:*         text    used once: a sign-in address, a sign-in
    stoppress:tokens:uses    hash    digest: minute of the last use, since 1970
    stoppress:readers        hash    process: lease, and `<slug> <readers> …`
    stoppress:inbox          stream  key, at, feed, post, mac
    stoppress:inbox:taken:*  text    id of the entry, under its signature
    stoppress:inbox:refused  stream  id, feed, post, reason
    stoppress:erasures       sharded channel of the names of erasures, likewise
    stoppress:erasure:*      hash    feed, and process: what it dropped
    stoppress:removing-pictures  text  set while unused pictures were removed lately
    stoppress:probe:*        sharded channels of the followers' probes, likewise
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from stoppress.domain.desk_log_name import desk_log_of, feed_behind, is_desk_log
from stoppress.domain.store_requests_and_results import Idempotency

AUDIT = "stoppress:audit"
AUDITED = "stoppress:audit:feeds"
SETTINGS_KEY = "stoppress:settings"
TOKENS = "stoppress:tokens"
TEMPLATES = "stoppress:templates"
REFUSALS, OF_TOKENS, OF_SETTINGS = "-", "-tokens", "-settings"
OF_TEMPLATES = "-templates"
"""The audits of refused sign-ins, tokens, settings and templates, listed among the
feeds: no slug has this form."""
_AUDITS = {
    REFUSALS: f"{AUDIT}:refused",
    OF_TOKENS: f"{AUDIT}:{{{TOKENS}}}",
    OF_SETTINGS: f"{AUDIT}:{{{SETTINGS_KEY}}}",
    OF_TEMPLATES: f"{AUDIT}:{{{TEMPLATES}}}",
}
"""The hash tags put an audit in the slot of what it is about: one script uses both."""
FEEDS = "stoppress:feeds"
NODE = "stoppress:node"
WEBHOOK_FEEDS = "stoppress:webhooks"
SCHEDULE = "stoppress:schedule"
TICKET_KEYS = "stoppress:ticket-keys"
TEXT_SECRET = "stoppress:text-secret"  # noqa: S105 (the name of a key)
SESSION = "stoppress:session:"
OWNERS_SESSIONS = "stoppress:sessions:"
ONCE = "stoppress:once:"
TOKEN_USES = "stoppress:tokens:uses"  # noqa: S105 (no secret)
READERS = "stoppress:readers"
INBOX = "stoppress:inbox"
REFUSED = "stoppress:inbox:refused"
PROBE = "stoppress:probe:"
ERASURES = "stoppress:erasures"
PICTURE_REMOVAL = "stoppress:removing-pictures"


class FeedKeys(NamedTuple):
    """The names under one feed's tag."""

    meta: str
    log: str
    line: str
    posts: str
    order: str
    ext: str
    revisions: str


KNOWN_FEEDS = 1024
"""Feeds whose names are kept: each call of the store needs them several times."""


@lru_cache(maxsize=KNOWN_FEEDS)
def feed_keys(feed: str, database: int = 0) -> FeedKeys:
    """The names under the tag of `feed`.

    All databases share the channels, so the name of the line contains the number of the
    database (none for database 0): a copy of the feed in another database has another
    channel.
    """
    tag = _tag(feed)
    keys = FeedKeys(*(tag + name for name in FeedKeys._fields))
    return keys._replace(line=f"{keys.line}:{database}") if database else keys


@lru_cache(maxsize=KNOWN_FEEDS)
def _tag(feed: str) -> str:
    """How the names of a feed's keys, or of its desk log's keys, begin."""
    own = "desk:" if is_desk_log(feed) else ""
    return f"stoppress:{{{feed_behind(feed)}}}:{own}"


def probe_prefix(database: int = 0) -> str:
    """How the names of probe channels begin."""
    return f"{PROBE}{database}:" if database else PROBE


def audit_key(feed: str) -> str:
    """The key of a feed's audit; "": of the audit of entries that belong to no feed."""
    if (key := _AUDITS.get(feed)) is not None:
        return key
    return f"{_tag(feed_behind(feed))}audit" if feed else AUDIT


def presence_key(feed: str) -> str:
    """The key of the people present at a feed's desk."""
    return f"{_tag(desk_log_of(feed))}presence"


def desk_texts_key(feed: str) -> str:
    """The key of the texts that the desk keeps about a feed: notes on its posts."""
    return f"{_tag(feed)}desk-texts"


class WebhookKeys(NamedTuple):
    """The names of a feed's webhooks."""

    hooks: str
    dead: str
    resends: str


def webhook_keys(feed: str) -> WebhookKeys:
    """The names of a feed's webhooks; `<hooks>:<id>`: the process that delivers."""
    hooks = f"{_tag(feed)}webhooks"
    return WebhookKeys(hooks, f"{hooks}:dead", f"{hooks}:resends")


def idem_key(feed: str, idempotency: Idempotency | None) -> str:
    """The key of the record of this Idempotency-Key; without one, a name that is not
    used.

    The name is a digest: an Idempotency-Key may contain any text of up to 200 bytes.
    """
    if idempotency is None:
        return f"{_tag(feed)}idem:"
    return f"{_tag(feed)}idem:{_digest(idempotency)}"


def erasure_key(name: str) -> str:
    """The key of an erasure's record: what to drop, and which processes dropped it."""
    return f"stoppress:erasure:{name}"


def making_key(idempotency: Idempotency) -> str:
    """The key of the slug of the feed that was created with this Idempotency-Key."""
    return f"stoppress:making:{_digest(idempotency)}"


def made_token_key(idempotency: Idempotency | None) -> str:
    """The key of the record of the token that was made with this Idempotency-Key;
    without one, a name that is not used.

    Its hash tag puts it in the slot of the tokens, so that one script can use both.
    """
    name = "" if idempotency is None else _digest(idempotency)
    return f"stoppress:made:{{{TOKENS}}}:{name}"


def template_idem_key(idempotency: Idempotency | None) -> str:
    """The key of the record of a change of the templates with this Idempotency-Key;
    without one, a name that is not used. It is in the slot of the templates.
    """
    name = "" if idempotency is None else _digest(idempotency)
    return f"stoppress:made:{{{TEMPLATES}}}:{name}"


def taken_key(mac: str) -> str:
    """The key of the inbox entry that has this signature."""
    return f"{INBOX}:taken:{mac.lower()}"


def _digest(idempotency: Idempotency) -> str:
    owner = idempotency.owner
    named = f"{len(owner)} {owner}{idempotency.key}".encode()
    return blake2b(named, digest_size=16).hexdigest()
