"""Builds the reader's script when the package is built or installed.

Rules: the script is written beside the modules (`client_demo/stop-press.js`), where the
wheel takes it from; an editable install serves it from there.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ScriptHook(BuildHookInterface):  # type: ignore[type-arg]  # set by hatchling
    """Builds `stop-press.js`."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the script; `version` is "standard" or "editable"."""
        _bundle_widget(Path(self.root)).build()
        if version == "editable":
            # client_demo would be copied into site-packages and go stale there.
            self.build_config.target_config.pop("force-include", None)


def _bundle_widget(root: Path) -> Any:
    """The module beside this one: hatchling loads this one alone."""
    path = root / "server" / "bundle_widget.py"
    spec = importlib.util.spec_from_file_location("bundle_widget", path)
    assert spec is not None and spec.loader is not None  # noqa: S101 (for the type checker)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
