"""What a server costs: CPU time and memory of its whole process tree, read from outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

MEGABYTE_IN_KB = 1024
MEMORY_EVERY = 0.5
IDLE_WINDOW = 0.25
IDLE_SHARE = 0.2
IDLE_TRIES = 240


@dataclass(frozen=True, slots=True)
class Tree:
    """A process and all its descendants."""

    pid: int

    def processes(self) -> list[psutil.Process]:
        """Return those that live now; none when the first has ended."""
        try:
            root = psutil.Process(self.pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def cpu_seconds(self) -> float:
        """Return the user and system time spent so far, that of ended and reaped children included."""
        return sum(_cpu_seconds(process) for process in self.processes())

    def memory_mb(self) -> float:
        """Return the proportional set size: pages that processes share are counted once in total."""
        return sum(_pss_kb(process.pid) for process in self.processes()) / MEGABYTE_IN_KB

    def settle(self) -> None:
        """Wait until the server has finished what its last callers left behind."""
        for _ in range(IDLE_TRIES):
            before = self.cpu_seconds()
            time.sleep(IDLE_WINDOW)
            if self.cpu_seconds() - before < IDLE_SHARE * IDLE_WINDOW:
                return


class PeakMemory:
    """Samples a tree's memory in a thread and keeps the highest value."""

    def __init__(self, tree: Tree) -> None:
        self.peak_mb = tree.memory_mb()
        self._tree = tree
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="peak-memory", daemon=True)

    @contextmanager
    def watching(self) -> Iterator[PeakMemory]:
        """Sample while the block runs."""
        self._thread.start()
        try:
            yield self
        finally:
            self._done.set()
            self._thread.join()

    def _sample(self) -> None:
        while not self._done.wait(MEMORY_EVERY):
            self.peak_mb = max(self.peak_mb, self._tree.memory_mb())


def busy_seconds(cores: frozenset[int]) -> float:
    """Return how long these cores have worked so far, for whomever, stolen time included."""
    times = psutil.cpu_times(percpu=True)
    return float(sum(sum(times[core]) - times[core].idle - times[core].iowait for core in cores))


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _pss_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
