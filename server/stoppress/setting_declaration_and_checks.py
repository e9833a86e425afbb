"""How a setting is declared, the checks of its text, and the line for an invalid one.

Rules: a line names the setting, the problem and what to use instead; it never shows a
secret, nor the content of a file of secrets.
"""

from __future__ import annotations

import re
from dataclasses import Field, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

LEAST_TOKEN = 20
"""Characters of an admin token: a shorter one could be guessed."""
LEAST_SECRET_BYTES = 32
"""Bytes of a secret that signs JWTs, as RFC 7518 (3.2) requires for HS256."""
MAX_SECRET_FILE_BYTES = 4096
SCOPE_NAMES = ("read", "draft", "publish", "manage", "admin")
"""The scopes that a group may get."""
MOST_BY_UNIT = {"ms": 10**10, "s": 10**8, "hours": 10**5, "days": 36_500}
"""The largest values of times: years, and few enough that no sum of times overflows."""
MOST_OF_OTHERS = 1 << 40
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class BadSetting(ValueError):
    """A setting is invalid; the text says which, why, and what to use instead."""


def parts_of(text: str) -> list[str]:
    """The parts of a comma-separated list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def check_ports(port: int, redirect_port: int, *, has_tls: bool) -> None:
    """Raises BadSetting for ports that do not exist or do not fit together."""
    for name, value in (("port", port), ("redirect_port", redirect_port)):
        if value > 65535:
            raise BadSetting(f"{name}={value} is invalid: use 65535 or less")
    wrong = ""
    if redirect_port and not has_tls:
        wrong = "it redirects to https, which needs tls_cert and tls_key"
    elif redirect_port and redirect_port == port:
        wrong = "it is the port that speaks TLS; use another, such as 80"
    if wrong:
        raise BadSetting(f"redirect_port={redirect_port} is invalid: {wrong}")


def setting(
    default: Any, help: str, *, unit: str = "", zero: str = "", least: float = 0
) -> Any:
    """A field of settings: its default, meaning, unit, and what 0 means."""
    about = {"help": help, "unit": unit, "zero": zero, "least": least}
    return field(default=default, metadata=about)


def check_public_url(url: str) -> None:
    """Raises BadSetting for an address that readers could not open."""
    wrong = ""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        wrong = "it is not an address"
    else:
        if not url:
            return
        if re.search(r"[\s\x00-\x20]", url):
            wrong = "it contains white space"
        elif parts.scheme not in ("http", "https"):
            wrong = "it must begin with https:// or http://"
        elif not host or not re.fullmatch(r"[\w.:-]+", host, re.ASCII):
            wrong = "it has no host (write letters other than a-z as xn--…)"
        elif parts.username is not None:
            url, wrong = "(not shown)", "it must not contain a user or a password"
        elif "?" in url or "#" in url:
            wrong = "it must have no query and no fragment"
        elif not re.fullmatch(r"(/[\w.~-]+)*/?", parts.path, re.ASCII) or re.search(
            r"/\.{1,2}(/|$)", parts.path
        ):
            wrong = "its path may have letters, digits, - _ . and ~ between slashes"
    if wrong:
        raise BadSetting(
            f"public_url={url!r} is invalid: {wrong}; use an address such as "
            "https://live.example.org or https://news.example/liveblog/"
        )


def check_networks(name: str, text: str) -> None:
    """Raises BadSetting for an invalid network."""
    for part in parts_of(text):
        try:
            ip_network(part, strict=False)
        except ValueError:
            raise BadSetting(
                f"{name}={text!r} is invalid: {part!r} is not a network: use "
                "addresses such as 10.0.0.0/8 or ::1, separated by commas"
            ) from None


def check_admin_token(token: str, name: str = "admin_token") -> None:
    """Raises BadSetting for a token that could be guessed; does not show it."""
    if token and len(token) < LEAST_TOKEN:
        raise BadSetting(
            f"{name} is invalid: it has {len(token)} characters: use {LEAST_TOKEN} or "
            "more, such as the output of `openssl rand -hex 24`"
        )


def check_at_most_one(**given: str) -> None:
    """Raises BadSetting if two settings that exclude each other are set."""
    if len(named := [name for name, value in given.items() if value]) > 1:
        raise BadSetting(f"{' and '.join(named)} are both set: use one of them")


def check_all_or_none(**given: str) -> None:
    """Raises BadSetting if only some of the settings that belong together are set."""
    missing = [name for name, value in given.items() if not value]
    if 0 < len(missing) < len(given):
        named = next(name for name, value in given.items() if value)
        raise BadSetting(
            f"{named} is set without {' and '.join(missing)}: set them too"
        )


def check_secure_url(name: str, url: str) -> None:
    """Raises BadSetting for an address that another host on the network could fake."""
    try:
        parts = urlsplit(url)
        secure = parts.scheme == "https" or (
            parts.scheme == "http" and parts.hostname in _LOOPBACK
        )
        if secure and parts.hostname and parts.username is None and not parts.fragment:
            return
    except ValueError:
        pass
    raise BadSetting(
        f"{name} is invalid: use an https:// address (http:// only on this machine), "
        "without user, password and fragment"
    )


def check_addresses(name: str, text: str, example: str) -> None:
    """Raises BadSetting unless all parts of the text are addresses."""
    for part in parts_of(text):
        if not part.startswith(("http://", "https://")):
            raise BadSetting(
                f"{name}={text!r} is invalid: {part!r} is not an address such as "
                f"{example}"
            )


def read_secret(name: str, path: str) -> bytes:
    """The content of a file with one secret, without line end. Raises BadSetting."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_SECRET_FILE_BYTES + 1).rstrip(b"\r\n")
    except OSError as error:
        raise BadSetting(f"{name}={path!r} is unreadable: {error.strerror}") from None
    if not content or len(content) > MAX_SECRET_FILE_BYTES:
        raise BadSetting(
            f"{name}={path!r} is invalid: the file must contain one secret of at most "
            f"{MAX_SECRET_FILE_BYTES} bytes"
        )
    return content


def read_roles(name: str, text: str) -> dict[str, str]:
    """The scope of each group in `group=scope,group=scope`. Raises BadSetting."""
    found = {}
    for part in parts_of(text):
        group, _, scope = part.rpartition("=")
        if not group or scope not in SCOPE_NAMES:
            raise BadSetting(
                f"{name}={text!r} is invalid: {part!r} is not a group and one of "
                f"{', '.join(SCOPE_NAMES)}, such as editors=publish"
            )
        found[group] = scope
    return found


def invalid(entry: Field[Any], name: str, value: object, instead: str) -> BadSetting:
    """The error for an invalid value: the setting, the reason, and what to use."""
    shown = repr(value) if isinstance(value, str) else value
    return BadSetting(
        f"{name}={shown} is invalid ({entry.metadata['help']}): {instead}"
    )
