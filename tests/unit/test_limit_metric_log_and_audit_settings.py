"""The settings of limits."""

from __future__ import annotations

from dataclasses import fields

from stoppress.limit_metric_log_and_audit_settings import LimitSettings
from stoppress.settings import Settings


def test_limits_are_on_and_can_be_lifted_at_once() -> None:
    """For benches."""
    assert Settings().has_limits
    assert not Settings(limits="off").has_limits


def test_each_limit_has_a_default_that_limits_and_a_zero_that_does_not() -> None:
    """0 is no limit, and said so."""
    numbers = [
        entry for entry in fields(LimitSettings) if not isinstance(entry.default, str)
    ]
    assert len(numbers) >= 9
    for entry in numbers:
        default = getattr(Settings(), entry.name)
        assert default > 0 and entry.metadata["zero"], entry.name


def test_metrics_from_is_a_list_of_networks() -> None:
    """None at all is possible."""
    assert len(Settings(metrics_from="10.0.0.0/8, ::1").metrics_networks) == 2
    assert Settings(metrics_from="").metrics_networks == []
