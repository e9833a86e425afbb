"""A newsroom behind an OpenID provider that others wrote, and a browser before both."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.conftest import Server, started
from tests.ports import reserve_port

FOLDER = Path(__file__).parent / "node"
CLIENT_ID = "stop press:desk"
CLIENT_SECRET = "a secret: with +, % and blanks"
MOST_STEPS = 20


def missing() -> str:
    """What is not installed here, or ""."""
    if shutil.which("node") is None:
        return "node"
    there = (FOLDER / "node_modules" / "oidc-provider").is_dir()
    return "" if there else "npm:oidc-provider"


_open: list[httpx.Client] = []


def _client() -> httpx.Client:
    _open.append(httpx.Client(trust_env=False, timeout=60))
    return _open[-1]


def close_browsers() -> None:
    """Close all browsers that were opened."""
    while _open:
        _open.pop().close()


@dataclass
class Browser:
    """Cookies for both sites, which browsers keep apart, and where it has been."""

    site: OidcSite
    ours: httpx.Client = field(default_factory=_client)
    theirs: httpx.Client = field(default_factory=_client)

    def begin(self, feed: str = "") -> httpx.Response:
        """Follow the link on the sign-in form."""
        return self.ours.get(f"{self.site.server.url}/desk/sign-in/start?feed={feed}")

    def at_provider(self, address: str, login: str) -> str:
        """Sign in there; the address that the provider sends the browser back to."""
        answer = self.theirs.get(address)
        for _ in range(MOST_STEPS):
            if answer.is_redirect:
                there = answer.request.url.join(answer.headers["location"])
                if str(there).startswith(self.site.back):
                    return str(there)
                answer = self.theirs.get(there)
                continue
            prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
            assert prompt is not None, answer.text
            form = {"prompt": prompt[1], "login": login, "password": "any"}
            answer = self.theirs.post(answer.request.url, data=form)
        raise AssertionError(f"no way back in {MOST_STEPS} steps")

    def come_back(self, address: str) -> httpx.Response:
        """The way back, as a browser goes it: from another site."""
        headers = {
            "sec-fetch-site": "cross-site",
            "sec-fetch-mode": "navigate",
            "sec-fetch-dest": "document",
        }
        return self.ours.get(address, headers=headers)

    def sign_in(self, login: str, feed: str = "") -> httpx.Response:
        """All of it."""
        address = self.begin(feed).headers["location"]
        return self.come_back(self.at_provider(address, login))

    def api(self, method: str, path: str, **more: object) -> httpx.Response:
        """A request as the desk's own page makes it."""
        headers = {
            "sec-fetch-site": "same-origin",
            "origin": self.site.server.url,
        }
        return self.ours.request(
            method,
            self.site.server.url + path,
            headers=headers,
            **more,  # type: ignore[arg-type]  # as httpx has them
        )


@dataclass(frozen=True)
class OidcSite:
    """The newsroom's server, and where its provider is."""

    server: Server
    issuer: str

    @property
    def back(self) -> str:
        """Where the provider sends browsers back."""
        return f"{self.server.url}/desk/sign-in/return"


@contextmanager
def oidc_site(data: Path, method: str, **variables: str) -> Iterator[OidcSite]:
    """A server that is there before its provider is; `method`: how it proves itself."""
    port = reserve_port()
    issuer = f"http://127.0.0.1:{port}"
    secret = {} if method == "none" else {"STOPPRESS_OIDC_CLIENT_SECRET": CLIENT_SECRET}
    with started(
        data,
        STOPPRESS_OIDC_ISSUER=issuer,
        STOPPRESS_OIDC_CLIENT_ID=CLIENT_ID,
        STOPPRESS_OIDC_SCOPES="openid profile desk",
        STOPPRESS_OIDC_GROUPS_CLAIM="groups",
        **secret,
        **variables,
    ) as server:
        site = OidcSite(server, issuer)
        log = data.with_name("provider.log")
        with log.open("w") as errors:
            provider = subprocess.Popen(
                ["node", "oidc_provider.mjs", str(port), site.back, method],
                cwd=FOLDER,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            assert provider.stdout is not None
            assert provider.stdout.readline() == "ready\n", log.read_text()
            yield site
        finally:
            provider.kill()
            provider.wait()
            if provider.stdout is not None:
                provider.stdout.close()
