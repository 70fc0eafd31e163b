"""Health answers."""

from __future__ import annotations

from typing import Literal

from textmill.contracts.base import Schema
from textmill.contracts.models import ModelState


class Health(Schema):
    """`pass` with status 200, `fail` with 503."""

    status: Literal["pass", "fail"]
    reason: str | None = None
    """Why it fails."""
    models: dict[str, ModelState] | None = None
    """The state of each served model (readiness only)."""
