"""The direction of the imports: docs/architecture.md, held here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "server" / "stoppress"

MAY_IMPORT = {
    "domain": set(),
    "setting_declaration_and_checks": set(),
    "admin_token_jwt_and_oidc_settings": {"setting_declaration_and_checks"},
    "limit_metric_log_and_audit_settings": {"setting_declaration_and_checks"},
    "picture_embed_webhook_and_contact_settings": {
        "setting_declaration_and_checks",
        "domain",
    },
    "settings": {
        *(
            "setting_declaration_and_checks",
            "admin_token_jwt_and_oidc_settings",
            "limit_metric_log_and_audit_settings",
            "picture_embed_webhook_and_contact_settings",
        ),
    },
    "setting_variables": {"setting_declaration_and_checks", "settings"},
    "metric_instruments": set(),
    "wire": {"domain"},
    "guard": {"metric_instruments", "settings"},
    "hub": {"guard", "metric_instruments", "domain", "wire", "settings"},
    "desk": {"metric_instruments", "domain", "wire", "settings"},
    "link_cards": {"metric_instruments", "domain", "desk", "settings"},
    "webhooks": {"metric_instruments", "domain", "wire", "desk", "link_cards"},
    "identity": {
        "metric_instruments",
        "domain",
        "desk",
        "setting_declaration_and_checks",
        "settings",
    },
    "media": {"metric_instruments", "domain", "desk"},
    "log": {
        *("guard", "metric_instruments", "domain", "wire", "hub", "desk", "settings"),
        "setting_variables",
    },
    "web": {
        "guard",
        "metric_instruments",
        "domain",
        "wire",
        "hub",
        "desk",
        "identity",
        "link_cards",
        "settings",
    },
    "metrics": {"metric_instruments"},
    "overwrite_freed_memory": set(),
    "purge_withdrawn_posts_from_caches": {"metric_instruments", "desk"},
    "routes_before_and_after_redis": {"domain", "settings", "web", "wire"},
    "build_schedule_and_inbox": {"domain", "guard", "desk", "log", "web"},
    "app": {
        *(
            "build_schedule_and_inbox",
            "routes_before_and_after_redis",
            "setting_variables",
        ),
        *("domain", "wire", "guard", "hub", "desk", "identity", "log", "web"),
        "media",
        *(
            "link_cards",
            "webhooks",
            "settings",
            "metric_instruments",
            "metrics",
            "overwrite_freed_memory",
            "purge_withdrawn_posts_from_caches",
        ),
    },
    "process": {
        *(
            "overwrite_freed_memory",
            "metric_instruments",
            "domain",
            "identity",
            "log",
            "web",
            "app",
        ),
        *("settings", "setting_variables", "guard"),
    },
    # What lives outside a server knows it by its public contract alone.
    "client": {"domain", "wire"},
    "demo": {"domain"},
    "bench": {"domain", "wire", "client", "settings"},
    "__main__": {"cli"},
    "cli": {
        *("domain", "guard", "client", "demo", "bench", "settings", "process"),
        "setting_variables",
    },
}
"""What each part of the package may import of the package, besides itself."""

ONLY = {
    "redis": {"log"},
    "hiredis": {"log"},
    "starlette": {"web", "routes_before_and_after_redis", "app"},
    "uvicorn": {"web", "process"},
    "click": {"cli"},
    "rich": {"cli", "bench"},
    "prometheus_client": {"metrics"},
    "httpx": {"client", "cli", "identity", "purge_withdrawn_posts_from_caches"},
    "joserfc": {"identity"},
    "cryptography": {"identity"},
    "httpcore": {"link_cards", "webhooks"},
    "idna": {"link_cards"},
    "brotli": {"web"},
    "jinja2": {"web"},
    "nh3": {"desk"},
    "PIL": {"media"},
    "obstore": {"media"},
    "markdown_it": {"desk"},
    # Of the build (server/bundle_widget.py); a server runs without.
    "rjsmin": set(),
    "minify": set(),
    "bundle_widget": set(),
}
"""Which parts may import a library from outside, where not all may."""

PURE = {"domain", "wire"}
FORBIDDEN_TO_PURE = {
    *("asyncio", "io", "logging", "os", "pathlib", "random", "secrets", "select"),
    *("socket", "subprocess", "threading", "time"),
}
"""What is pure has no clock, no chance, no file and no network."""


def modules() -> Iterator[tuple[str, Path]]:
    """Every module, with the part of the package it belongs to."""
    for path in sorted(PACKAGE.rglob("*.py")):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if part != "__init__":
            yield part, path


def imports(source: str, package: tuple[str, ...]) -> set[str]:
    """The full names that a module of `package` imports, wherever in its source."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            whole = ".".join((*base, node.module or "")).strip(".")
            if whole == "stoppress":
                names |= {f"stoppress.{alias.name}" for alias in node.names}
            else:
                names.add(whole)
    return names


def imports_of(path: Path) -> set[str]:
    """What the module at `path` imports."""
    package = ("stoppress", *path.relative_to(PACKAGE).parent.parts)
    return imports(path.read_text("utf-8"), package)


MODULES = [
    pytest.param(part, path, id=str(path.relative_to(PACKAGE)))
    for part, path in modules()
]


@pytest.mark.parametrize(("part", "path"), MODULES)
def test_a_module_imports_only_what_its_part_may(part: str, path: Path) -> None:
    """The arrows of the package all point one way."""
    assert part in MAY_IMPORT, f"{part} is a new part: say what it may import"
    found = {
        name.split(".")[1]
        for name in imports_of(path)
        if name.startswith("stoppress.") and name != "stoppress.__version__"
    }
    assert found - {part} <= MAY_IMPORT[part]


@pytest.mark.parametrize(("part", "path"), MODULES)
def test_a_library_is_imported_by_its_own_part_alone(part: str, path: Path) -> None:
    """Only the log knows Redis, only the web Starlette and uvicorn."""
    libraries = {name.split(".")[0] for name in imports_of(path)}
    assert {lib for lib in libraries if part not in ONLY.get(lib, {part})} == set()


@pytest.mark.parametrize(
    ("part", "path"), [param for param in MODULES if param.values[0] in PURE]
)
def test_the_core_is_pure(part: str, path: Path) -> None:
    """Domain and wire do no I/O."""
    libraries = {name.split(".")[0] for name in imports_of(path)}
    assert libraries & FORBIDDEN_TO_PURE == set()


def test_a_channel_s_ring_is_the_hub_s_alone() -> None:
    """Everybody else asks the channel."""
    reached = {
        str(path.relative_to(PACKAGE))
        for part, path in modules()
        if part != "hub"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "ring"
    }
    assert reached == set()


WINGS = {"api", "edge", "line", "pages"}
"""The folders of web; what two of them need lies in web itself."""


@pytest.mark.parametrize(
    ("part", "path"), [param for param in MODULES if param.values[0] == "web"]
)
def test_no_wing_of_the_web_imports_another(part: str, path: Path) -> None:
    """Nor does what they share import any of them."""
    wing = path.relative_to(PACKAGE / "web").parts[0]
    found = {
        name.split(".")[2]
        for name in imports_of(path)
        if name.startswith("stoppress.web.")
    }
    assert (found & WINGS) - {wing} == set()


def test_the_web_itself_is_small() -> None:
    """Fourteen modules at the most are shared by its wings."""
    assert (
        len([p for p in (PACKAGE / "web").glob("*.py") if p.stem != "__init__"]) <= 14
    )


def test_the_arrows_make_no_circle() -> None:
    """Every part can be taken out with all it leans on, and nothing else."""
    left = {part: set(others) for part, others in MAY_IMPORT.items()}
    while left:
        free = {part for part, others in left.items() if not others & left.keys()}
        assert free, f"a circle among {sorted(left)}"
        for part in free:
            del left[part]


def test_an_import_is_seen_wherever_it_stands() -> None:
    """In functions, under TYPE_CHECKING, relative, and from the package itself."""
    source = """
from stoppress import settings
def later():
    import redis.asyncio
if TYPE_CHECKING:
    from stoppress.web import api
    from ..desk import desk
"""
    seen = imports(source, ("stoppress", "hub"))
    assert seen == {
        *("stoppress.settings", "redis.asyncio", "stoppress.web", "stoppress.desk"),
    }
