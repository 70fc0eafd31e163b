from __future__ import annotations

import pytest

from textmill.security.failures import explain


class Driver(Exception):  # noqa: N818 - as drivers name theirs
    """An error as a driver raises it."""

    def __init__(self, message: str = "", **codes: str) -> None:
        super().__init__(message)
        vars(self).update(codes)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Driver(sqlite_errorname="SQLITE_BUSY_SNAPSHOT"), "another process holds its lock"),
        (Driver(sqlite_errorname="SQLITE_READONLY_DIRECTORY"), "read-only"),
        (Driver(sqlite_errorname="SQLITE_FULL"), "the disk is full"),
        (Driver(sqlite_errorname="SQLITE_IOERR_FSYNC"), "the disk failed"),
        (Driver("no such table: x", sqlite_errorname="SQLITE_ERROR"), "no tables yet"),
        (Driver(sqlstate="57014"), "took too long"),
        (Driver(sqlstate="25006"), "a standby?"),
        (Driver(sqlstate="22003"), "a value does not fit"),
        (Driver("connection timeout expired"), "cannot be reached in time"),
        (Driver("FATAL: the database system is starting up"), "try again"),
        (Driver("FATAL: sorry, too many clients already"), "too many connections"),
        (Driver("failed to resolve host 'x'"), "host name is not known"),
        (ValueError("geheim"), "cannot be read"),
        (PermissionError(13, "Permission denied"), "check the permissions"),
        (FileNotFoundError(2, "No such file"), "its folder does not exist"),
    ],
)
def test_a_failure_is_told_with_what_to_do(error: Exception, expected: str) -> None:
    """By its code, or by what is said where there is none."""
    assert expected in explain(error)


def test_of_an_unknown_failure_only_the_type_is_told() -> None:
    """Its words may hold a secret."""
    assert "it failed with Driver" == explain(Driver("geheim"))
    assert "it failed with Driver" == explain(Driver("geheim", sqlstate="XX000", sqlite_errorname="NEW"))


def test_the_drivers_error_counts_and_not_what_is_around_it() -> None:
    """As SQLAlchemy wraps them."""
    around = Driver("Geheim: connection refused", orig=Driver(sqlstate="42501"))  # type: ignore[arg-type]  # as wrapped
    assert "lacks a permission" in explain(around)
