from __future__ import annotations

import subprocess
import sys
import time

import grimp
from importlinter import api

LIGHT_LIMIT_SECONDS = 0.3
HEAVY = (
    *("fastapi", "flask", "granian", "gunicorn", "starlette", "uvicorn"),
    *("joblib", "numpy", "onnxruntime", "scipy", "sklearn", "skops", "spacy"),
    *("pydantic", "rich", "typer"),
)
LINT = (
    "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True, no_logo=True))"
)


def python(code: str) -> str:
    """Run code in a fresh interpreter and give back what it printed."""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout


def seconds_to_run(code: str) -> float:
    """The best of five runs: what the code costs, not what else the machine does."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        python(code)
        times.append(time.perf_counter() - start)
    return min(times)


def test_the_import_rules_of_the_project_file_hold() -> None:
    """Layers, homes and cycles: every contract of [tool.importlinter] is kept."""
    done = subprocess.run([sys.executable, "-c", LINT], check=False, capture_output=True, text=True)

    assert 0 == done.returncode, done.stdout + done.stderr


def test_every_third_party_library_has_a_home() -> None:
    """A library that the contract `homes` does not name is a new dependency, and that is a decision."""
    contracts = api.read_configuration()["contracts_options"]
    homes = next(contract for contract in contracts if contract["id"] == "homes")
    graph = grimp.build_graph("textmill", include_external_packages=True, cache_dir=None)
    roots = {module.partition(".")[0] for module in graph.modules}

    assert set() == roots - {"textmill"} - sys.stdlib_module_names - set(homes["forbidden_modules"])


def test_importing_textmill_loads_no_library() -> None:
    """`import textmill` brings no model library, no web framework, no terminal library."""
    code = f"import sys, textmill; print([name for name in {HEAVY!r} if name in sys.modules])"

    assert "[]\n" == python(code)


def test_importing_textmill_is_quick() -> None:
    """`import textmill` costs less than 0.3 s beyond the interpreter's own start."""
    cost = seconds_to_run("import textmill") - seconds_to_run("pass")

    assert cost < LIGHT_LIMIT_SECONDS
