"""The table of problems."""

from __future__ import annotations

from textmill import errors
from textmill.contracts.problems import KINDS, kind_of, problem_list


def every(cls: type[errors.TextmillError]) -> set[type[errors.TextmillError]]:
    """A class and all below it, of the tree in errors.py."""
    return {cls}.union(*(every(sub) for sub in cls.__subclasses__() if sub.__module__ == errors.__name__))


def test_every_error_a_caller_can_cause_or_meet_has_a_row_of_its_own() -> None:
    """Requests and the engine; what only operators see needs none."""
    assert (every(errors.RequestError) | every(errors.EngineError)) - KINDS.keys() == set()


def test_codes_are_unique_but_for_those_told_as_one() -> None:
    """A program can decide on a code."""
    rows = problem_list()
    assert len({row.code for row in rows}) == len(rows)


def test_their_fault_is_4xx_and_ours_5xx() -> None:
    """So that clients know what to retry, and operators what to look at."""
    for cls in every(errors.RequestError):
        assert 400 <= kind_of(cls).status < 500
    for cls in every(errors.EngineError):
        assert 500 <= kind_of(cls).status < 600


def test_an_unknown_exception_is_our_fault() -> None:
    """Whatever it is."""
    assert kind_of(ZeroDivisionError).status == 500
    assert kind_of(KeyboardInterrupt).status == 500


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """It is drawn once, and must not lie."""
    drawn = errors.__doc__ or ""
    assert [cls.__name__ for cls in every(errors.TextmillError) if cls.__name__ not in drawn] == []
