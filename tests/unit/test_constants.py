"""The names of constants and public classes: one name, one meaning."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "server" / "stoppress"
ARITHMETIC = (
    *(ast.Expression, ast.Constant, ast.Tuple, ast.Load, ast.UnaryOp, ast.USub),
    *(ast.BinOp, ast.operator),
)


def number(node: ast.expr) -> str | None:
    """The value of a number, of a sum of numbers, or of a tuple of them."""
    whole = ast.Expression(node)
    for part in ast.walk(whole):
        if not isinstance(part, ARITHMETIC):
            return None
        if isinstance(part, ast.Constant) and type(part.value) not in (int, float):
            return None
    return repr(eval(compile(whole, "constant", "eval")))


def numbers(path: Path) -> dict[str, str]:
    """The module's constants that are numbers, without the underscore in front."""
    found = {}
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id.lstrip("_"), number(node.value)
            if name.isupper() and value is not None:
                found[name] = value
    return found


def test_no_two_modules_give_one_name_to_different_numbers() -> None:
    """Who reads `ATTEMPTS` must not have to ask which."""
    values: dict[str, dict[str, str]] = defaultdict(dict)
    for path in sorted(PACKAGE.rglob("*.py")):
        for name, value in numbers(path).items():
            values[name][str(path.relative_to(PACKAGE))] = value
    assert values["WRITE_ATTEMPTS"] == {"desk/write_outcome_and_checks.py": "6"}
    torn = {name: held for name, held in values.items() if len(set(held.values())) > 1}
    assert torn == {}


def test_no_two_public_classes_share_a_name() -> None:
    """An import says which one by its name alone."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(PACKAGE)))
    assert places["Person"] == ["domain/draft.py"]
    assert {name: held for name, held in places.items() if len(held) > 1} == {}
