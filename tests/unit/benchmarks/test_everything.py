"""One command runs all four, with options that each of them knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import everything, options


@pytest.mark.parametrize("quick", [[], ["--quick"]])
def test_the_closed_loop_understands_its_options(quick: list[str]) -> None:
    """Both works of both lengths, one and two workers, and a page with the day in front."""
    chosen = everything.parser().parse_args(["--out", "somewhere", *quick])
    found = options.parse(everything.options("closed-loop", chosen))
    assert ([1, 2], 4, 1 if quick else 3) == (found.workers, len(found.work), found.rounds)
    assert (Path("somewhere"), ".md") == (found.markdown.parent, found.markdown.suffix)
    assert found.markdown.name.endswith("-closed-loop.md")
    assert found.json == found.markdown.with_suffix(".json")


def test_rounds_may_be_chosen_for_all() -> None:
    """The last word is the user's."""
    chosen = everything.parser().parse_args(["--out", "somewhere", "--quick", "--rounds", "2"])
    for name in everything.MODULES:
        words = everything.options(name, chosen)
        assert "2" == words[words.index("--rounds") + 1]
