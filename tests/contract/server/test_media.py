"""Pictures over real sockets: uploaded, read, used, taken down, on two workers."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests import made_pictures
from tests.conftest import Server, started
from tests.contract.server.asking import problem, read
from tests.contract.server.test_takedown import Purged
from tests.made_pictures import NEEDLE, encoded, photo
from tests.plain_http import PATIENCE_S, PLAIN
from tests.waiting import wait_until

LIMIT = 3_000_000
FOREVER = "public, max-age=31536000, immutable"


@pytest.fixture(scope="module")
def purged() -> Iterator[Purged]:
    """A cache in front."""
    cache = Purged()
    yield cache
    cache.server.shutdown()
    cache.server.server_close()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, purged: Purged) -> Iterator[Server]:
    """Two workers that keep pictures in the data folder."""
    data = tmp_path_factory.mktemp("media") / "data"
    options = ("--workers", "2", "--drain-s", "0.2", "--purge-url", purged.url)
    before = os.umask(0o022)
    try:
        with started(data, *options, "--media-bytes", str(LIMIT)) as server:
            yield server
    finally:
        os.umask(before)


def upload(
    server: Server,
    feed: str,
    data: bytes,
    kind: str = "application/octet-stream",
    **headers: str,
) -> httpx.Response:
    """Send the bytes of a picture as the admin."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(
        f"{server.url}/v1/feeds/{feed}/media",
        content=data,
        headers={
            "authorization": f"Bearer {server.token}",
            **({"content-type": kind} if kind else {}),
            **named,
        },
        timeout=PATIENCE_S,
        trust_env=False,
        verify=PLAIN,
    )


def a_feed(server: Server, slug: str, **fields: str) -> None:
    """Make a feed."""
    given = {"slug": slug, "title": slug, **fields}
    assert server.request("POST", "/v1/feeds", given).status_code == 201


def uploaded(server: Server, feed: str, data: bytes, **headers: str) -> dict[str, Any]:
    """A picture that was taken."""
    answer = upload(server, feed, data, **headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def below(server: Server, url: str) -> str:
    """The path of an address of the site."""
    assert url.startswith(f"{server.url}/"), url
    return url.removeprefix(server.url)


def fetch(server: Server, url: str, **headers: str) -> httpx.Response:
    """A file as a reader gets it, by any worker."""
    return read(server, below(server, url), **headers)


def files_in(data: Path) -> list[Path]:
    """The files of pictures."""
    return [path for path in (data / "media").rglob("*") if path.is_file()]


def test_pictures_are_served_without_metadata(pair: Server) -> None:
    """Each kind; every variant is as the answer says."""
    a_feed(pair, "kinds")
    for name, data in made_pictures.with_metadata().items():
        made = uploaded(pair, "kinds", data, kind="")
        assert made.keys() - {"note"} == {
            *("id", "url", "type", "width", "height", "variants")
        }
        assert made["url"] == made["variants"][-1]["url"]
        for one in made["variants"]:
            answer = fetch(pair, one["url"])
            assert answer.status_code == 200, answer.text
            assert NEEDLE not in answer.content, name
            assert b"script" not in answer.content
            assert answer.headers["content-type"] == one["type"]
            picture = Image.open(io.BytesIO(answer.content))
            assert picture.size == (one["width"], one["height"])
            assert not picture.getexif()
            assert "icc_profile" not in picture.info
    assert {oct(stat.S_IMODE(one.stat().st_mode)) for one in files_in(pair.data)} == {
        "0o600"
    }
    folder = (pair.data / "media").stat()
    assert stat.S_IMODE(folder.st_mode) == 0o700


def test_a_multipart_form_is_accepted(pair: Server) -> None:
    """With the field `file`; another field, none, or a broken form is refused."""
    a_feed(pair, "forms")
    path = f"{pair.url}/v1/feeds/forms/media"
    headers = {"authorization": f"Bearer {pair.token}"}
    small, large = photo(60, 40), photo(1500, 1000)
    for picture in (small, large):
        given = {"file": ("x.png", encoded(picture, "PNG"), "image/png")}
        answer = httpx.post(path, files=given, headers=headers, trust_env=False)
        assert answer.status_code == 201, answer.text
        assert answer.json()["width"] == picture.width
    wrong = {"picture": ("x.png", encoded(small, "PNG"), "image/png")}
    reported = problem(
        httpx.post(path, files=wrong, headers=headers, trust_env=False), 422
    )
    assert reported["field"] == "file" and "`file`" in reported["detail"]
    form = headers | {"content-type": "multipart/form-data; boundary=x"}
    for body in (
        b"",
        b"nonsense",
        b"--x\r\nContent-Disposition: bad\r\n\r\n",
        b"--x--",
    ):
        answer = httpx.post(path, content=body, headers=form, trust_env=False)
        assert problem(answer, 422)["field"] == "file"
    plain = headers | {"content-type": "multipart/form-data"}
    problem(httpx.post(path, content=b"x", headers=plain, trust_env=False), 422)
    # A field that is a text is no file.
    text = {"file": "no file"}
    answer = httpx.post(path, data=text, headers=headers, trust_env=False)
    problem(answer, 415)


def test_an_invalid_upload_is_refused_with_the_reason(pair: Server) -> None:
    """Size, kind, damage, pixels: each with what to do; no part of it is kept."""
    a_feed(pair, "bad")
    before = len(files_in(pair.data))
    reported = problem(upload(pair, "bad", b"\xff" * (LIMIT + 1)), 413)
    assert reported["limit"] == LIMIT and "3.0 MB" in reported["detail"]
    for name, (data, word) in made_pictures.no_pictures().items():
        reported = problem(upload(pair, "bad", data), 415)
        assert word in reported["detail"], name
    assert (
        "PNG" in problem(upload(pair, "bad", b"<svg/>", "image/svg+xml"), 415)["detail"]
    )
    assert (
        "`file`"
        in problem(upload(pair, "bad", b"{}", "application/json"), 415)["detail"]
    )
    for data in (b"", *made_pictures.broken_pictures().values()):
        reported = problem(upload(pair, "bad", data), 422)
        assert (
            reported["type"].endswith("picture-broken") and reported["field"] == "file"
        )
    reported = problem(upload(pair, "bad", made_pictures.bomb()), 422)
    assert "30000 × 30000" in reported["detail"]
    assert len(files_in(pair.data)) == before


def test_uploading_needs_the_right_to_draft(pair: Server) -> None:
    """401, 403, 404; a contributor may upload."""
    a_feed(pair, "mine")
    data = encoded(photo(60, 40), "PNG")

    def status(feed: str, token: str | None) -> int:
        return httpx.post(
            f"{pair.url}/v1/feeds/{feed}/media",
            content=data,
            headers={"authorization": f"Bearer {token}"} if token else {},
            trust_env=False,
        ).status_code

    def token(scope: str) -> str:
        given = {"scopes": [scope], "feeds": ["mine"]}
        made: str = pair.request("POST", "/v1/tokens", given).json()["token"]
        return made

    assert status("mine", None) == 401
    assert status("mine", token("read")) == 403
    assert status("mine", token("draft")) == 201
    assert status("there-is-none", pair.token) == 404
    entries = pair.request("GET", "/v1/audit?feed=mine").json()["entries"]
    assert [one["what"] for one in entries][0] == "picture.uploaded"
    assert entries[0]["who"] and entries[0]["subject"].startswith("a")


def test_a_repeated_upload_creates_one_picture(pair: Server) -> None:
    """The key returns the same picture; with another file it is refused."""
    a_feed(pair, "again")
    data = encoded(photo(600, 400), "JPEG")
    first = uploaded(pair, "again", data, idempotency_key="k1")
    second = upload(pair, "again", data, idempotency_key="k1")
    assert second.status_code == 200 and second.json() == first
    other = upload(pair, "again", encoded(photo(60, 40), "PNG"), idempotency_key="k1")
    problem(other, 422)
    assert len([one for one in files_in(pair.data) if first["id"] in one.name]) == 2


def test_files_are_cached_without_expiry(pair: Server) -> None:
    """ETag, 304, ranges, HEAD; no file can act as a page."""
    a_feed(pair, "cached")
    made = uploaded(pair, "cached", encoded(photo(600, 400), "JPEG"))
    answer = fetch(pair, made["url"])
    headers = answer.headers
    assert headers["cache-control"] == FOREVER
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["cross-origin-resource-policy"] == "cross-origin"
    assert headers["access-control-allow-origin"] == "*"
    again = fetch(pair, made["url"], if_none_match=headers["etag"])
    assert again.status_code == 304 and not again.content
    part = fetch(pair, made["url"], range="bytes=10-19")
    assert part.status_code == 206 and part.content == answer.content[10:20]
    assert part.headers["content-range"] == f"bytes 10-19/{len(answer.content)}"
    assert fetch(pair, made["url"], range="bytes=-5").content == answer.content[-5:]
    assert fetch(pair, made["url"], range="bytes=999999-").status_code == 416
    whole = fetch(pair, made["url"], range="bytes=0-4", if_range='"other"')
    assert whole.status_code == 200
    head = httpx.head(made["url"], trust_env=False)
    assert head.headers["content-length"] == str(len(answer.content))
    for path in (
        "x",
        "../bad",
        f"{made['id']}-480.jpg",
        f"{made['id']}-1x1.jpg",
        "%2e%2e",
    ):
        assert read(pair, f"/media/cached/{path}").status_code == 404
    assert (
        read(pair, below(pair, made["url"]).replace("cached", "kinds")).status_code
        == 404
    )


def test_pictures_of_private_feeds_need_a_token(pair: Server) -> None:
    """Other callers get what an unknown feed gives; no shared cache stores them."""
    a_feed(pair, "closed", visibility="private")
    made = uploaded(pair, "closed", encoded(photo(600, 400), "JPEG"))
    path = below(pair, made["url"])
    absent = read(pair, path.replace("closed", "nowhere"))
    assert read(pair, path).status_code == absent.status_code == 404
    assert (
        read(pair, path).json()["detail"].replace("closed", "nowhere")
        == (absent.json()["detail"])
    )
    seen = pair.request("GET", path)
    assert seen.status_code == 200
    assert seen.headers["cache-control"] == "private, no-cache"
    assert seen.headers["cross-origin-resource-policy"] == "same-origin"
    ticket = pair.request("POST", "/v1/feeds/closed/tickets", {}).json()["ticket"]
    cookie = {"cookie": f"stoppress_ticket={ticket}", "sec-fetch-site": "same-origin"}
    assert httpx.get(made["url"], headers=cookie, trust_env=False).status_code == 200
    cookie["sec-fetch-site"] = "cross-site"
    assert httpx.get(made["url"], headers=cookie, trust_env=False).status_code == 404
    # Made public, it is everybody's; and closed again at once.
    pair.request("PATCH", "/v1/feeds/closed", {"visibility": "public"})
    wait_until(lambda: all(read(pair, path).status_code == 200 for _ in range(6)))
    pair.request("PATCH", "/v1/feeds/closed", {"visibility": "private"})
    wait_until(lambda: all(read(pair, path).status_code == 404 for _ in range(6)))


def test_a_post_has_the_size_and_the_variants(pair: Server) -> None:
    """Given by address or path; on page, permalink, feeds, JSON-LD and Open Graph."""
    a_feed(pair, "shown")
    made = uploaded(pair, "shown", encoded(photo(1200, 800), "JPEG"))
    path = below(pair, made["url"])
    for url in (made["url"], path):
        media = [{"type": "image", "url": url, "alt": "The quay"}]
        post = pair.publish("shown", "Look", media=media)["post"]
        assert post["media"] == [
            {**media[0], "url": path, "width": 1200, "height": 800}
        ]
    given = [{"type": "image", "url": path, "width": 40, "height": 30}]
    assert pair.publish("shown", "Look", media=given)["post"]["media"] == given
    page = read(pair, f"/live/shown/{post['id']}").text
    srcset = ",".join(f"{path}/{width} {width}w" for width in (480, 960, 1440))
    assert f'srcset="{srcset}"' in page
    for width, real in ((480, 480), (960, 960), (1440, 1200)):
        answer = read(pair, f"{path}/{width}")
        assert Image.open(io.BytesIO(answer.content)).width == real
    assert read(pair, f"{path}/481").status_code == 404
    assert f'property="og:image" content="{made["url"]}"' in page
    assert 'property="og:image:width" content="1200"' in page
    assert '"width":1200' in page.replace(" ", "")
    for feed in ("atom.xml", "feed.json"):
        text = read(pair, f"/live/shown/{feed}").text
        assert f"{pair.url}{path}/480 480w" in text


def test_a_takedown_removes_pictures_from_everywhere(
    pair: Server, purged: Purged
) -> None:
    """Files, caches of both workers, caches in front; another post keeps its own."""
    a_feed(pair, "gone")
    lost = uploaded(pair, "gone", encoded(photo(1200, 800, 2), "JPEG"))
    inline = uploaded(pair, "gone", encoded(photo(600, 400, 3), "JPEG"))
    former = uploaded(pair, "gone", encoded(photo(600, 400, 4), "JPEG"))
    shared = uploaded(pair, "gone", encoded(photo(600, 400, 5), "JPEG"))
    media = [{"type": "image", "url": one["url"]} for one in (former, shared)]
    post = pair.publish("gone", "Look", media=media)["post"]
    change = {
        "media": [{"type": "image", "url": one["url"]} for one in (lost, shared)],
        "body": f"![x]({below(pair, inline['url'])})",
    }
    where = f"/v1/feeds/gone/posts/{post['id']}"
    assert pair.request("PATCH", where, change, if_match="*").is_success
    other = pair.publish("gone", "Too", media=[{"type": "image", "url": shared["url"]}])
    every = [
        one["url"] for it in (lost, inline, former, shared) for one in it["variants"]
    ]
    for url in every * 4:
        assert fetch(pair, url).status_code == 200
    purged.calls.clear()
    receipt = pair.request("POST", f"{where}/takedown", {"reason": "order"}).json()
    reported = {one["id"]: one for one in receipt["media"]}
    assert reported.keys() == {one["id"] for one in (lost, inline, former, shared)}
    assert reported[shared["id"]]["kept"] == "another post uses it"
    for one in (lost, inline, former):
        assert reported[one["id"]]["at"]
        assert below(pair, one["url"]) in reported[one["id"]]["addresses"]
        for variant in one["variants"]:
            assert [fetch(pair, variant["url"]).status_code for _ in range(6)] == [
                404
            ] * 6
            assert variant["url"] in purged.calls[-1]["urls"]
        assert not [path for path in files_in(pair.data) if one["id"] in path.name]
    assert fetch(pair, shared["url"]).status_code == 200
    # The last that uses it takes it along, withdrawn before or not.
    where = f"/v1/feeds/gone/posts/{other['post']['id']}"
    assert pair.request("DELETE", where).status_code == 204
    assert fetch(pair, shared["url"]).status_code == 200
    receipt = pair.request("POST", f"{where}/takedown", {}).json()
    assert [one["id"] for one in receipt["media"] if one.get("at")] == [shared["id"]]
    assert fetch(pair, shared["url"]).status_code == 404


def test_a_deleted_feed_leaves_no_pictures(pair: Server) -> None:
    """A new feed of the same slug has none, either."""
    a_feed(pair, "short")
    made = uploaded(pair, "short", encoded(photo(600, 400), "JPEG"))
    assert fetch(pair, made["url"]).status_code == 200
    assert pair.request("DELETE", "/v1/feeds/short").status_code == 204
    assert not (pair.data / "media" / "short").exists()
    a_feed(pair, "short")
    assert [fetch(pair, made["url"]).status_code for _ in range(6)] == [404] * 6
