"""The form in which a kept record is shown, derived from its struct.

Rules:
- A member that is null, false or empty is left out: absent means just that.
- Only members that the struct names are shown, also inside; what a newer release
  has kept beside them stays where it is.
- No limit is checked: a record that was kept is shown, whatever is allowed today.
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
"""A struct made here: as wide as the one it shows, and known at run time alone."""


def output_struct(
    struct: type[Struct], first: Collection[str] = (), without: Collection[str] = ()
) -> Form:
    """A struct that decodes `struct` as it was kept and encodes it as it is shown.

    Args:
        first: members that come first; one the struct lacks is "" until it is set.
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
    """The type without its limits; structs inside it as they are shown."""
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
