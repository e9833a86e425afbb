"""Makes the classic script from the browser's modules when a wheel is built.

Rules: the script goes into the wheel beside the modules and nowhere else; an
editable install has none: the server makes it when it starts.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SCRIPT = "stoppress/client_demo/stop-press.js"


class BundleHook(BuildHookInterface):  # type: ignore[type-arg]  # set by hatchling
    """Puts `stop-press.js` into the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the script; `version` is "standard" or "editable"."""
        if version == "editable":
            # client_demo would be copied into site-packages and go stale there.
            self.build_config.target_config.pop("force-include", None)
            return
        root = Path(self.root)
        folder = TemporaryDirectory(prefix="stop-press-")
        self._folder = folder
        made = Path(folder.name) / "stop-press.js"
        modules = root / "client_demo" / "stop-press"
        made.write_text(_bundle_of(root)(modules), "utf-8")
        build_data["force_include"][str(made)] = SCRIPT

    def finalize(
        self, version: str, build_data: dict[str, Any], artifact_path: str
    ) -> None:
        """Leave nothing behind."""
        if version != "editable":
            self._folder.cleanup()


def _bundle_of(root: Path) -> Any:
    """`bundle` of the package, loaded alone: its dependencies aren't installed."""
    path = root / "server" / "stoppress" / "web" / "pages" / "bundle.py"
    spec = importlib.util.spec_from_file_location("stoppress_bundle", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.bundle
