"""The options of `publish` and `edit` are the fields of a post."""

from __future__ import annotations

import click
import pytest

from stoppress.cli.posts import edit, publish
from stoppress.domain.post import PostInput

FIELDS = set(PostInput.__struct_fields__) - {"body", "media"}


@pytest.mark.parametrize(
    ("command", "others"), [(publish, {"correction"}), (edit, {"external_id"})]
)
def test_each_field_has_an_option(command: click.Command, others: set[str]) -> None:
    """With a help; the text is an argument, and media take the API."""
    options = {one.name: one for one in command.params if isinstance(one, click.Option)}
    assert options.keys() >= FIELDS - others
    assert not options.keys() & others
    assert all(options[name].help for name in FIELDS - others)
