"""Which calls are so cheap that they may compute in their caller's thread, which may be an event loop."""

from __future__ import annotations

from collections.abc import Sequence

from textmill.engine.policy import Pace

BUDGET = 0.001
"""Seconds that a call may compute there."""
TEXTS = 16
"""Texts that it may bring: each may have a cost of its own, whatever its length."""
EXPLAINING = 16
"""How many times a prediction's time its reasons may take."""


def is_cheap(texts: Sequence[str], pace: Pace, *, explain: bool) -> bool:
    """Whether some texts fit into the budget at that pace."""
    seconds = sum(map(len, texts)) * pace.per_character
    return len(texts) <= TEXTS and seconds * (EXPLAINING if explain else 1) < BUDGET
