"""Derives, from the struct of a stored record, the struct that answers contain.

Rules:
- A member that is null, false or empty is left out: absent means that.
- Only members that the struct declares are included, at every depth; members of a
  later release stay in the store.
- No limit is checked: a stored record is sent even if it exceeds today's limits.
"""

from __future__ import annotations

import functools
import operator
import types
from collections.abc import Collection
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct

Form = type[Any]
"""A struct type created at run time."""


def output_struct(
    struct: type[Struct], first: Collection[str] = (), without: Collection[str] = ()
) -> Form:
    """A struct that decodes `struct` as stored and encodes it as sent in answers.

    Args:
        first: members that come first; one that `struct` lacks is "" until set.
        without: members that are left out.
    """
    fields = {field.name: field for field in msgspec.structs.fields(struct)}
    names = [*first, *(name for name in fields if name not in first)]
    members: list[tuple[str, Any, Any]] = []
    for name in names:
        if name in without:
            continue
        field = fields.get(name)
        if field is None:
            members.append((name, str, ""))
        else:
            default = None if field.default is NODEFAULT else field.default
            members.append((name, _bare(field.type) | None, default))
    return msgspec.defstruct(struct.__name__, members, omit_defaults=True)


def _bare(kind: Any) -> Any:
    """The type without its limits, with nested structs converted too."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        return output_struct(kind)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _bare(inner[0])
    if origin is Literal:
        return str
    if origin in (Union, types.UnionType):
        return functools.reduce(operator.or_, map(_bare, inner))
    if origin is tuple:
        return types.GenericAlias(tuple, (_bare(inner[0]), ...))
    return kind
