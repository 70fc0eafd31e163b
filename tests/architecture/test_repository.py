from __future__ import annotations

import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

LOCKS = ("requirements/dev.txt", "requirements/serve.txt")
RIVALS = "benchmarks/rivals/requirements.txt"
EXCEPTION = re.compile(r"#\s*(noqa|type:\s*ignore|pragma:\s*no|ruff:\s*(noqa|ignore)|mypy:|pyright:|fmt:)")
# The forms that say what and why. A colon or dash alone is no reason, hence four characters at least.
REASONED = (
    re.compile(r"# (ruff: )?noqa: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)* - \S.{3,}"),
    re.compile(r"# type: ignore\[[a-z-]+(, ?[a-z-]+)*\]  # \S.{3,}"),
    re.compile(r"# pragma: no (cover|branch) - \S.{3,}"),
)
# In pieces, so that this file does not find itself.
MACHINE_PATHS = "|".join((
    r"/wo" + r"rk/(main|shared|\.library)",
    "/ro" + "ot/",
    "/ho" + r"me/[a-z]+/",
    "/opt/" + "(pypi|wheels)",
))
ADDRESSES = "|".join((
    "--(extra-)?index" + "-url",
    "--find" + "-links",
    "trusted" + "-host",
    "file:" + "//",
    "https?:" + "//",
))


def git(*arguments: str) -> list[str]:
    """The lines that git answers; the test is skipped where the files came without their repository."""
    done = subprocess.run(["git", *arguments], check=False, capture_output=True, text=True)
    if done.returncode > 1:
        pytest.skip(f"no git repository here: {done.stderr.strip()}")
    return done.stdout.splitlines()


def comments(path: Path) -> Iterator[tuple[int, str]]:
    """Every comment with its line; strings that look like one do not count."""
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def unexplained(path: Path) -> Iterator[str]:
    """The exceptions to a linter's or type checker's rule that lack their code or their reason."""
    for line, comment in comments(path):
        if EXCEPTION.search(comment) and not any(pattern.search(comment) for pattern in REASONED):
            yield f"{path}:{line} {comment}"


def test_no_tracked_file_names_a_path_of_somebodys_machine() -> None:
    """What is committed means the same on every machine."""
    assert [] == git("grep", "-nIE", MACHINE_PATHS)


@pytest.mark.parametrize("lock", [*LOCKS, RIVALS])
def test_a_lock_names_no_address(lock: str) -> None:
    """Packages come from whichever index the user has set."""
    assert [] == [line for line in Path(lock).read_text().splitlines() if re.search(ADDRESSES, line)]


@pytest.mark.parametrize("lock", [*LOCKS, RIVALS])
def test_a_lock_pins_every_package_with_a_hash(lock: str) -> None:
    """Each requirement has an exact version and at least one sha256."""
    requirements = Path(lock).read_text().replace("\\\n", " ").splitlines()

    assert len(requirements) > 40
    assert [] == [
        text for text in requirements if not re.match(r"\S+==\S+ .*--hash=sha256:[0-9a-f]{64}", text)
    ]


def test_what_serves_is_what_is_tested() -> None:
    """The lock for serving is a part of the lock for development, version for version."""
    serve, dev = (
        set(re.findall(r"^\S+==\S+", Path(lock).read_text(), re.MULTILINE)) for lock in reversed(LOCKS)
    )

    assert set() == serve - dev


def test_rivals_compute_with_the_same_libraries() -> None:
    """What a rival's environment shares with ours has the same version there."""
    rivals, dev = (
        dict(re.findall(r"^([a-z0-9-]+)\S*==(\S+)", Path(lock).read_text(), re.MULTILINE))
        for lock in (RIVALS, LOCKS[0])
    )

    assert {"scikit-learn", "spacy", "numpy"} < rivals.keys() & dev.keys()
    assert {name: dev[name] for name in rivals.keys() & dev.keys()} == {
        name: rivals[name] for name in rivals.keys() & dev.keys()
    }


def test_every_lint_exception_has_a_code_and_a_reason() -> None:
    """`# noqa: CODE - reason` and `# type: ignore[code]  # reason`, nowhere a bare one."""
    files = [Path(name) for name in git("ls-files", "*.py")]

    assert [] == [found for path in files if path.exists() for found in unexplained(path)]


@pytest.mark.parametrize(
    ("comment", "allowed"),
    [
        ("# noqa: S603 - our own interpreter", True),
        ("# type: ignore[misc]  # gunicorn has no types", True),
        ("# noqa", False),
        ("# noqa: S603", False),
        ("# type: ignore", False),
        ("# type: ignore[misc]", False),
        ("# mypy: ignore-errors", False),
        ("# ruff: noqa", False),
    ],
)
def test_the_rule_for_exceptions_tells_them_apart(tmp_path: Path, comment: str, *, allowed: bool) -> None:
    """The measure itself: what it lets through, and what it finds."""
    path = tmp_path / "example.py"
    path.write_text(f"a = 1  {comment}\n")

    assert allowed == (not list(unexplained(path)))
