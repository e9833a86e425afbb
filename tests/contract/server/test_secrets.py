"""No secret in use is in a log, in `ps`, or on the disk."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.conftest import Server

CLIENT_SECRET = "oidc-client-secret-5f0c1d"
ADMIN_TOKEN = "sp_admin_of_this_test_alone_7d21"
"""No other test's: their clients may be told one on their command lines."""


def test_no_secret_is_logged_or_stored(
    tmp_path: Path, serving: Callable[..., Any]
) -> None:
    """Each is sent in every valid way, and in some invalid ones."""
    sso = {
        "STOPPRESS_OIDC_ISSUER": "http://127.0.0.1:9",
        "STOPPRESS_OIDC_CLIENT_ID": "desk",
        "STOPPRESS_OIDC_CLIENT_SECRET": CLIENT_SECRET,
        "STOPPRESS_ADMIN_TOKEN": ADMIN_TOKEN,
    }
    options = ("--workers", "2", "--log-format", "json")
    with serving(tmp_path / "data", *options, **sso) as server:
        secrets = use_secrets(server)
        assert len(secrets) == 6
        found = where_found(server, secrets)
    log = server.log.read_text()
    found += [f"the log: {name}" for name, text in secrets.items() if text in log]
    assert found == []


def use_secrets(server: Server) -> dict[str, str]:
    """Every kind of secret in use, by name."""
    feed = server.new_feed(visibility="private")
    token = server.request("POST", "/v1/tokens", {"scopes": ["manage"]}).json()["token"]
    path = f"/v1/feeds/{feed}"
    ticket = server.request("POST", f"{path}/tickets", {}).json()["ticket"]
    with httpx.Client(base_url=server.url, trust_env=False) as desk:
        signed_in = desk.post(
            "/desk/sign-in", data={"token": token}, headers={"origin": server.url}
        )
        assert signed_in.status_code == 303, signed_in.text
        session = desk.cookies["stoppress_desk"]
        assert desk.get("/desk").status_code == 200
        wrong = desk.post(
            "/desk/sign-in", data={"token": f"{token}x"}, headers={"origin": server.url}
        )
        assert wrong.status_code == 401
    for secret in (token, ticket, session, f"{token}x", server.token):
        for query in ("", f"?ticket={secret}", f"?token={secret}"):
            for url in (path, f"{path}/events", f"/live/{feed}"):
                httpx.get(
                    f"{server.url}{url}{query}",
                    headers={} if query else {"authorization": f"Bearer {secret}"},
                    trust_env=False,
                )
        address = server.url.replace("http", "ws", 1)
        url = f"{address}/v1/live?feed={feed}&token={secret}"
        with contextlib.suppress(ConnectionClosed), connect(url, proxy=None) as line:
            line.send(json.dumps({"op": "renew", "feed": feed, "ticket": secret}))
            line.recv(timeout=60)
    return {
        "admin token": server.token,
        "token": token,
        "wrong token": f"{token}x",
        "ticket": ticket,
        "session": session,
        "client secret": CLIENT_SECRET,
    }


def where_found(server: Server, secrets: dict[str, str]) -> list[str]:
    """What others could read: files, command lines, environments."""
    found = []
    coded = {name: text.encode() for name, text in secrets.items()}
    files = [path for path in server.data.rglob("*") if path.is_file()]
    assert files
    for path in files:
        held = path.read_bytes()
        found += [f"{path}: {name}" for name, text in coded.items() if text in held]
    processes = [path for path in Path("/proc").iterdir() if path.name.isdecimal()]
    seen = 0
    for process in processes:
        try:
            command = (process / "cmdline").read_bytes()
            mode = (process / "environ").stat().st_mode
        except OSError:
            continue  # it has ended
        seen += b"stoppress" in command
        found += [f"{command!r}: {name}" for name in coded if coded[name] in command]
        if mode & 0o077:
            found.append(f"{command!r}: its environment")
    assert seen >= 3
    return found
