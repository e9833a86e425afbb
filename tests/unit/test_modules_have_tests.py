"""Every module has a test module of its own, at the same place, and the reverse.

A module's tests are in `tests/unit/<its path>/test_<its name>.py`. Where nothing can
be said of it without a real store, as for much of the log, they are in
`tests/contract/store/test_<its name>.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PACKAGE = TESTS.parent / "server" / "stoppress"
UNIT = TESTS / "unit"
STORE = TESTS / "contract" / "store"

OF_NO_MODULE = {
    "hub/test_channel_faults.py": "what one feed holds that can't be sent",
    "test_bundle_widget.py": "server/bundle_widget.py, which is no part of the package",
    "test_arrows.py": "the imports of the whole package",
    "test_citations.py": "what comments and docs of the whole package cite",
    "test_constants.py": "the constants and class names of the whole package",
    "test_expressions.py": "the regular expressions of the whole package",
    "test_compose.py": "the compose file and the image",
    "test_javascript.py": "runs the tests of the JavaScript modules",
    "test_modules_have_tests.py": "the package and its tests",
    "test_types.py": "the types of the JavaScript modules",
    "test_wheel.py": "what is in the wheel, which server/build_hook.py makes",
    "webhooks/test_delivery_of_dead_letters.py": "what delivery.py could not deliver",
    "web/test_kinds_of_callers.py": "tokens, JWTs and sessions on every route",
    "web/test_existence_of_private_feeds.py": "the work done for strangers, by route",
    "web/line/test_live_refusals.py": "refusals of websocket_and_events_routes.py",
    "web/api/test_authorization_matrix.py": "who may call what, in every call",
    "web/api/test_draft_rights.py": "who may see, change and publish drafts",
    "web/line/test_tls_handshake_limits.py": "the bounds of tls_handshake.py",
    "web/line/test_takeover_ends.py": "the second half of test_takeover.py",
}
"""Test modules of this tree that have no module, and what they are about."""


def modules() -> set[str]:
    """Every module of the package, by its path; a package itself is none."""
    paths = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return {str(path) for path in paths if path.name != "__init__.py"}


def home_of(module: str) -> str:
    """Where the tests of a module are."""
    path = Path(module)
    return str(path.with_name(f"test_{path.name.lstrip('_')}"))


def has_tests(module: str) -> bool:
    """Whether the module has tests of its own."""
    place = home_of(module)
    in_store = module.startswith("log/") and (STORE / Path(place).name).exists()
    return in_store or (UNIT / place).exists()


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_has_tests_of_its_own(module: str) -> None:
    """In the place where somebody who reads the module looks first."""
    assert has_tests(module), f"{module} needs tests/unit/{home_of(module)}"


def test_a_test_module_has_its_module() -> None:
    """What was moved or deleted leaves no tests behind."""
    wanted = {home_of(module) for module in modules()}
    found = {str(path.relative_to(UNIT)) for path in UNIT.rglob("test_*.py")}
    assert found - wanted == OF_NO_MODULE.keys()
