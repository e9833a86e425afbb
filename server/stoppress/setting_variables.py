"""Settings as `STOPPRESS_<NAME>` variables: read, written, described.

Rules: a text is parsed by the type of the setting's default; the server warns of a
variable that has no meaning, with the nearest name.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import Field, fields
from typing import Any

from stoppress.setting_declaration_and_checks import invalid
from stoppress.settings import Settings

PREFIX = "STOPPRESS_"
OTHER_VARIABLES = frozenset({"URL", "TOKEN", "HUBS"})
"""`STOPPRESS_<NAME>` variables that are not settings: of the commands that talk to a
server, and of the Caddyfile."""
_BOOLEANS = {
    **dict.fromkeys(("true", "1", "on", "yes"), True),
    **dict.fromkeys(("false", "0", "off", "no"), False),
}


def describe() -> tuple[Field[Any], ...]:
    """The settings as fields; metadata holds `help`, `unit` and `zero`."""
    return fields(Settings)


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def written(value: object) -> str:
    """A setting's value as text, for a variable or an option."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def to_environment(settings: Settings) -> dict[str, str]:
    """The `STOPPRESS_<NAME>` variables that `from_environment` reads back."""
    return {
        variable_of(entry.name): written(getattr(settings, entry.name))
        for entry in fields(settings)
    }


def settings_as_text(settings: Settings) -> dict[str, str]:
    """Every setting as text, with the content of secret files: only for digests."""
    return {
        entry.name: written(getattr(settings, entry.name)) for entry in fields(settings)
    } | {
        "admin_token": settings.admin_secret,
        "jwt_secret": settings.jwt_secret.hex(),
        "oidc_client_secret": settings.oidc_secret,
    }


def from_environment(environ: Mapping[str, str], **given: object) -> Settings:
    """Settings from `STOPPRESS_<NAME>` variables; `given` values (not None) win.

    Raises BadSetting for an invalid value, naming the variable.
    """
    values: dict[str, object] = {}
    for entry in fields(Settings):
        name = variable_of(entry.name)
        if name in environ:
            values[entry.name] = _parsed(entry, name, environ[name])
    values |= {name: value for name, value in given.items() if value is not None}
    settings = Settings(**values)  # type: ignore[arg-type]  # checked by type above
    # Secrets in files are checked now, not at the first request.
    _ = (settings.admin_secret, settings.jwt_secret, settings.oidc_secret)
    return settings


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """A warning for each `STOPPRESS_` variable that has no meaning, in order."""
    known = {variable_of(entry.name) for entry in fields(Settings)}
    known |= {PREFIX + name for name in OTHER_VARIABLES}
    return [
        f"{name} is unknown and has no effect{_nearest(name, known)}"
        for name in sorted(environ)
        if name.startswith(PREFIX) and name not in known
    ]


def _nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the known variable most like `name`, if there is one."""
    # Without the prefix, which would make all names similar.
    bare = {one.removeprefix(PREFIX): one for one in known}
    wanted = name.removeprefix(PREFIX)
    # A name without its unit, or with an earlier spelling of it.
    longer = [one for one in bare if one.startswith(f"{wanted}_")]
    found = longer or difflib.get_close_matches(wanted, sorted(bare), n=1)
    return f"; did you mean {bare[found[0]]}?" if found else ""


def _parsed(entry: Field[Any], name: str, text: str) -> object:
    kind: type = type(entry.default)
    if kind is bool:
        if text.strip().lower() not in _BOOLEANS:
            raise invalid(entry, name, text, "use true or false")
        return _BOOLEANS[text.strip().lower()]
    try:
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise invalid(entry, name, text, f"use {what}") from None
