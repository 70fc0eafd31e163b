from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path("src/textmill")
MODULES = sorted(SOURCE.rglob("*.py"))
ADAPTERS = (SOURCE / "web/fastapi.py", SOURCE / "web/flask.py")

MODULE_LINES = 400
ADAPTER_LINES = 150
BODY_LINES = 50
NO_SUBJECT = {"base_utils", "common", "helper", "helpers", "misc", "tools", "util", "utilities", "utils"}


def lines(path: Path) -> int:
    """How long a file is, comments and all."""
    return len(path.read_text(encoding="utf-8").splitlines())


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement after the docstring to the last."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def long_functions(path: Path) -> Iterator[str]:
    """Where the functions over the budget are, methods and inner functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > BODY_LINES:
            yield f"{path}:{node.lineno} {node.name}: {body_lines(node)} lines"


def test_the_budget_is_measured_on_the_whole_package() -> None:
    """The tests below would pass on nothing; this one fails when they see nothing."""
    assert {SOURCE / "errors.py", *ADAPTERS} < set(MODULES)


def test_no_module_is_over_400_lines() -> None:
    """A module that long has two subjects."""
    assert [] == [f"{path}: {lines(path)}" for path in MODULES if lines(path) > MODULE_LINES]


def test_no_function_body_is_over_50_lines() -> None:
    """A function fits in a glance."""
    assert [] == [found for path in MODULES for found in long_functions(path)]


@pytest.mark.parametrize("path", ADAPTERS, ids=lambda path: path.stem)
def test_an_adapter_is_small(path: Path) -> None:
    """An adapter translates and does nothing else: at most 150 lines."""
    assert lines(path) <= ADAPTER_LINES


def test_every_module_is_named_after_its_subject() -> None:
    """No drawer for everything else, neither as a file nor as a folder."""
    names = {part for path in MODULES for part in path.with_suffix("").relative_to(SOURCE).parts}

    assert set() == names & NO_SUBJECT


@pytest.mark.parametrize(
    ("body", "expected"), [("    pass", 1), ('    """Doc."""', 0), ("    a = (\n 1)\n    b = 2", 3)]
)
def test_the_body_of_a_function_is_counted_without_its_docstring(body: str, expected: int) -> None:
    """The measure itself: signature and docstring are free, blank lines inside are not."""
    (function,) = ast.parse(f"def f():\n{body}\n").body

    assert isinstance(function, ast.FunctionDef)
    assert expected == body_lines(function)
