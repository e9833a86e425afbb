"""The address of a store, checked part by part before anything uses it.

    redis://[user:password@]host[:port][/database][?options]
    rediss://…                                              TLS
    unix://[user:password@]/path/of/socket[?db=database]
    redis+sentinel://[user:password@]host:port,…/name[/database][?options]
    redis+cluster://[user:password@]host:port,…[?options]

Rules: an error names the invalid part but does not show it: any part may contain a
piece of a password that was not percent-encoded.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlsplit

from stoppress.settings import BadSetting

SCHEMES = (
    "redis",
    "rediss",
    "unix",
    "redis+sentinel",
    "rediss+sentinel",
    "redis+cluster",
    "rediss+cluster",
)
OPTIONS = frozenset(
    {
        "client_name",
        "db",
        "password",
        "sentinel_password",
        "sentinel_username",
        "ssl_ca_certs",
        "ssl_ca_path",
        "ssl_cert_reqs",
        "ssl_certfile",
        "ssl_check_hostname",
        "ssl_ciphers",
        "ssl_keyfile",
        "ssl_password",
        "username",
    }
)
ENCODE = (
    "percent-encode odd characters in user and password "
    "(/ is %2F, # is %23, ? is %3F, @ is %40, : is %3A, % is %25)"
)
_URL = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL
)
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%\w]+\]|[^\[\]:@\s]+)?(?::([0-9]*))?")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def check_address(url: str) -> None:
    """Raise BadSetting, which names the invalid part but does not show it."""
    match = _URL.fullmatch(url)
    if match is None or match[1].lower() not in SCHEMES:
        raise _invalid("scheme", f"use {', '.join(f'{one}://' for one in SCHEMES)}")
    scheme, authority, path, query, fragment = match.groups()
    account, at, hosts = authority.rpartition("@")
    if fragment is not None or "@" in path:
        raise _invalid("part after the host", f"it contains a # or an @: {ENCODE}")
    _check_account(account)
    for name, value in parse_qsl((query or "")[1:], keep_blank_values=True):
        if name not in OPTIONS or (name == "db" and not value.isdecimal()):
            known = ", ".join(sorted(OPTIONS))
            raise _invalid("part after the ?", f"use options of {known}; {ENCODE}")
    if scheme == "unix":
        if hosts or not path:
            raise _invalid("path", "use unix:///path/of/the/socket")
        return
    for host in hosts.split(","):
        _check_host(host)
    _check_path(scheme, path)


def user_of(url: str) -> str:
    """The name of the user, for a line that an operator copies.

    Without a password it may be the password itself, and is not shown.
    """
    match = _URL.fullmatch(url)
    account = match[2].rpartition("@")[0] if match else ""
    user, _, password = account.partition(":")
    return unquote(user) if user and password else "default" if not user else "USER"


def _check_account(account: str) -> None:
    if _ESCAPE.search(account):
        raise _invalid("user or password", f"it contains a bare %: {ENCODE}")
    try:
        urlsplit(f"//{account}@h")
    except ValueError:
        odd = True
    else:
        odd = bool(re.search(r"[\[\]\s\x00-\x1f]", account))
    if odd:
        raise _invalid("user or password", f"it contains odd characters: {ENCODE}")


def _check_host(host: str) -> None:
    match = _HOST.fullmatch(host)
    if match is None or (match[1] is not None and not match[1]):
        raise _invalid("host or port", f"use host:port, such as redis1:6379; {ENCODE}")
    if match[1] and not 0 < int(match[1][:6]) < 65536:
        raise _invalid("port", "use a number from 1 to 65535")


def _check_path(scheme: str, path: str) -> None:
    parts = [part for part in path.split("/") if part]
    if "cluster" in scheme:
        if parts not in ([], ["0"]):
            raise _invalid("database number", "a cluster only has database 0")
        return
    if "sentinel" in scheme:
        if not parts:
            raise BadSetting(
                "redis=(not shown) is invalid: the name of the primary is missing; "
                "use redis+sentinel://host:port,host:port/name"
            )
        parts = parts[1:]
    if len(parts) > 1 or (parts and not re.fullmatch(r"[0-9]{1,9}", parts[0])):
        raise _invalid("database number", f"use a number, such as /0; {ENCODE}")


def _invalid(part: str, instead: str) -> BadSetting:
    return BadSetting(
        f"redis=(not shown) is invalid: its {part} can't be read; {instead}"
    )
