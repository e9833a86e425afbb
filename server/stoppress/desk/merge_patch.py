"""Applies JSON merge patches (RFC 7396).

Pure: takes and returns JSON values, changes none of them.
"""

from __future__ import annotations

from collections.abc import Mapping

Names = Mapping[str, "Names | None"]
"""The fields an object may have; for those that hold an object, its fields."""


def merge(target: object, patch: Mapping[str, object]) -> dict[str, object]:
    """`target` after the merge patch (RFC 7396, section 2)."""
    merged: dict[str, object] = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            merged[name] = merge(merged.get(name), value)
        else:
            merged[name] = value
    return merged


def unknown_name(
    patch: Mapping[str, object], names: Names, path: str = ""
) -> str | None:
    """The path of the first field in `patch` that is not in `names`, or None.

    Checked before the merge, which drops fields set to null, unknown ones too.
    """
    for name, value in patch.items():
        if name not in names:
            return path + name
        inner = names[name]
        if inner is not None and isinstance(value, dict):
            found = unknown_name(value, inner, f"{path}{name}.")
            if found is not None:
                return found
    return None
