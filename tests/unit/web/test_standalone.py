"""Apps that another program starts."""

from __future__ import annotations

from typing import Any

import pytest

from textmill.settings import Settings
from textmill.web.standalone import RESOLVED, _warn_of_others


@pytest.mark.parametrize(
    ("security", "resolved", "expected"),
    [
        ({}, "", 1),
        ({}, "{}", 0),
        ({"allow_public": True}, "", 0),
        ({"auth": "required"}, "", 0),
    ],
)
def test_who_starts_an_open_app_by_itself_is_told(
    security: dict[str, Any],
    resolved: str,
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """`textmill serve` has looked at the address; with `uvicorn --host 0.0.0.0` nobody has."""
    monkeypatch.delenv(RESOLVED, raising=False)
    if resolved:
        monkeypatch.setenv(RESOLVED, resolved)
    _warn_of_others(Settings.load(security=security))

    assert expected == len(caplog.records)
    assert expected == caplog.text.count("Set TEXTMILL_SECURITY__AUTH=required")
