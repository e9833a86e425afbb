"""Finds the folder of the static files: in the wheel, else in the checkout.

Rules: the reader's scripts are built before the server starts
(`server/bundle_widget.py`, by the build of the package, `make run` and the tests); the
server never builds them.
Imports nothing of the package, so that the supervisor can use it too.
"""

from __future__ import annotations

from pathlib import Path

SCRIPT = "stop-press.js"
MORE = "stop-press-more.js"
"""The second script, which the first names with its digest."""
PAGE = "stop-press-page.js"
"""The script that only the server's own pages have besides the widget."""
_PAGE_MODULES = Path(__file__).with_name("static") / "reader"
_PACKAGE = Path(__file__).resolve().parents[2]
_CHECKOUT = _PACKAGE.parents[1]
_REMEDY = "run `make run`, or `python server/bundle_widget.py`, in the checkout"


class MissingFiles(FileNotFoundError):
    """The static files are missing or not built; the message says what to run."""


def browser_folder() -> Path:
    """The folder that holds `stop-press/` and the script. Raises MissingFiles."""
    for folder in (_PACKAGE / "client_demo", _CHECKOUT / "client_demo"):
        if (folder / "stop-press").is_dir():
            return _with_script(folder)
    raise MissingFiles(
        f"the browser files are missing: no client_demo/stop-press beside {_PACKAGE}; "
        "install the package again"
    )


def _with_script(folder: Path) -> Path:
    for name in (SCRIPT, MORE, PAGE):
        if not (folder / name).is_file():
            raise MissingFiles(
                f"the reader's script {folder / name} is missing: {_REMEDY}"
            )
    return folder


def stale_script(folder: Path) -> str:
    """A warning if the script is older than a module of the checkout; else "".

    Files of a wheel are never stale: their times are those of unpacking.
    """
    if folder.parent != _CHECKOUT:
        return ""
    built = (folder / SCRIPT).stat().st_mtime
    modules = [*(folder / "stop-press").glob("*.js"), *_PAGE_MODULES.glob("*.js")]
    if all(module.stat().st_mtime <= built for module in modules):
        return ""
    return f"the reader's script is older than its modules: {_REMEDY}"
