"""The editor of a run."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator

import pytest

from stoppress.bench import publisher
from stoppress.bench.requests_per_server_kind import STOP_PRESS
from stoppress.bench.run_plan_and_result import BenchFailed
from tests.ports import reserve_port
from tests.unit.bench.test_many_readers_in_one_process import plan
from tests.unit.cli.site import Site, serving

EDITOR = next(
    kind
    for kind in vars(publisher).values()
    if isinstance(kind, type) and kind.__module__ == publisher.__name__
)


@pytest.fixture
def site(capsys: pytest.CaptureFixture[str]) -> Iterator[Site]:
    with serving(capsys) as site:
        yield site


def test_a_run_leaves_nothing_behind(site: Site) -> None:
    """A feed of its own, unlisted; its posts, each awaited; then the feed goes."""
    site.answers |= {
        "POST /v1/feeds": (201, {}),
        "POST /v1/feeds/load/posts": (201, {}),
        "DELETE /v1/feeds/load": (204, None),
    }
    one = EDITOR(
        plan(("x", 1))._replace(
            url=site.url, feed="load", token="sp_t", posts=3, target=STOP_PRESS
        )
    )
    one.make_feed()
    times = list(one.publish())
    one.drop_feed()
    one.close()
    assert len(times) == 3 and times == sorted(times)
    made, *posts, dropped = site.writes()
    assert made[2]["visibility"] == "unlisted" and dropped[0] == "DELETE"
    assert [json.dumps(post[2]).count("^|") for post in posts] == [1, 1, 1]
    assert site.asked[0].headers["authorization"] == "Bearer sp_t"


def test_the_feed_goes_after_an_interrupt(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a request, also of the one that makes the feed."""
    site.answers |= {
        "POST /v1/feeds": (201, {}),
        "DELETE /v1/feeds/load": (204, None),
    }

    def interrupted(line: http.client.HTTPConnection) -> None:
        raise KeyboardInterrupt

    for call in ("make_feed", "publish"):
        one = EDITOR(
            plan(("x", 1))._replace(url=site.url, feed="load", target=STOP_PRESS)
        )
        with monkeypatch.context() as patch:
            patch.setattr(http.client.HTTPConnection, "getresponse", interrupted)
            if call == "make_feed":
                patch.setattr(one, "drop_feed", lambda: None)
            with pytest.raises(KeyboardInterrupt):
                list(getattr(one, call)() or ())
        one.drop_feed()
        one.close()
        assert site.asked[-1].method == "DELETE"


def test_a_feed_that_may_have_been_made_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An interrupt came before the answer."""
    calls: list[str] = []

    def call(editor: object, method: str, *rest: object) -> None:
        calls.append(method)
        if method == "POST":
            raise KeyboardInterrupt
        raise BenchFailed("it is away")

    monkeypatch.setattr(EDITOR, "_call", call)
    with pytest.raises(KeyboardInterrupt):
        EDITOR(plan(("x", 1))._replace(target=STOP_PRESS)).make_feed()
    assert calls == ["POST", "DELETE"]


@pytest.mark.parametrize(
    ("status", "text"), [(403, "refused the token"), (500, "answered 500: .*broken")]
)
def test_a_refusal_ends_the_run(status: int, text: str, site: Site) -> None:
    """With what the server says, and what to do."""
    site.answers["POST /v1/feeds"] = status, {"detail": "broken"}
    with pytest.raises(BenchFailed, match=text):
        EDITOR(plan(("x", 1))._replace(url=site.url, target=STOP_PRESS)).make_feed()


def test_a_server_that_does_not_answer_is_reported() -> None:
    url = f"http://127.0.0.1:{reserve_port()}"
    with pytest.raises(BenchFailed, match="does not answer"):
        EDITOR(plan(("x", 1))._replace(url=url, target=STOP_PRESS)).make_feed()
