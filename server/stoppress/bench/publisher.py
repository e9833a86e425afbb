"""The editor of a run: one keep-alive connection, posts one after another."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Collection, Iterator

from stoppress.bench.many_readers_in_one_process import any_certificate
from stoppress.bench.run_plan_and_result import BenchFailed, RunPlan


class Publisher:
    """Publishes over one connection; every answer is awaited and checked."""

    def __init__(self, plan: RunPlan) -> None:
        self._plan = plan
        host, port = plan.address
        self._line = (
            http.client.HTTPSConnection(
                host, port, timeout=plan.timeout_s, context=any_certificate()
            )
            if plan.tls
            else http.client.HTTPConnection(host, port, timeout=plan.timeout_s)
        )
        self._headers = {"Content-Type": "application/json"}
        if plan.token:
            self._headers["Authorization"] = f"Bearer {plan.token}"

    def make_feed(self) -> None:
        """Create a feed for this run. Raises BenchFailed."""
        if self._plan.target.is_ours:
            body = {"slug": self._plan.feed, "title": "Load", "visibility": "unlisted"}
            try:
                self._call("POST", "/v1/feeds", json.dumps(body).encode(), {201})
            except KeyboardInterrupt:
                # The server may have made it.
                with contextlib.suppress(BenchFailed):
                    self.drop_feed()
                raise

    def drop_feed(self) -> None:
        """Delete the run's feed. Raises BenchFailed."""
        if self._plan.target.is_ours:
            # After an interrupt an answer may be on its way on the old connection.
            self._line.close()
            self._call("DELETE", f"/v1/feeds/{self._plan.feed}", None, {204})

    def publish(self) -> Iterator[float]:
        """Send the posts at the plan's rate; yields when each was sent."""
        plan, target = self._plan, self._plan.target
        path = target.post_path.format(feed=plan.feed)
        start = time.monotonic()
        for index in range(plan.posts):
            if plan.rate:
                due = start + index / plan.rate
                time.sleep(max(0.0, due - time.monotonic()))
            yield time.monotonic()
            self._call("POST", path, target.post(index, plan.size), target.answers)

    def close(self) -> None:
        """Close the connection."""
        self._line.close()

    def _call(
        self, method: str, path: str, data: bytes | None, want: Collection[int]
    ) -> None:
        try:
            self._line.request(method, path, data, self._headers)
            answer = self._line.getresponse()
            text = answer.read()
        except OSError as error:
            raise BenchFailed(
                f"{self._plan.url} does not answer ({error}): start a server, "
                "or use --url"
            ) from None
        except http.client.HTTPException as error:
            raise BenchFailed(
                f"{self._plan.url} is not a web server ({error!r}): use --url"
            ) from None
        if answer.status in {401, 403}:
            raise BenchFailed(
                f"the server refused the token ({answer.status}): use --token with one "
                "that may make feeds; `stoppress token create` makes one"
            )
        if answer.status not in want:
            detail = text[:300].decode(errors="replace")
            raise BenchFailed(f"{method} {path} answered {answer.status}: {detail}")
