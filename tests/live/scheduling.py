"""How long the kernel kept a ready process from running, because others had the CPUs (Linux only)."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

PROC = Path("/proc")


def waited(pids: list[int]) -> dict[str, float]:
    """Seconds that each thread of the processes has been ready and not running, since it began."""
    found = {}
    for pid in pids:
        for task in (PROC / str(pid) / "task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                found[task.parent.name] = int(task.read_bytes().split()[1]) / 1e9
    return found


def longest(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """The longest that one thread waited in between; 0 where the kernel does not tell."""
    return max((seconds - before.get(thread, 0.0) for thread, seconds in after.items()), default=0.0)
