"""How many CPUs there are for us, and how many native threads each worker may use.

Sources: cgroup v2 `cpu.max` and v1 `cpu.cfs_quota_us`, and the scheduler's affinity.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")

VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
"""What the native libraries read, once, when they are imported."""


def available_cpus(root: Path = CGROUP) -> float:
    """CPUs this process may use: the scheduler's affinity, cut by the container's quota."""
    cores = float(len(os.sched_getaffinity(0)))
    quota = _quota(root)
    return min(cores, quota) if quota else cores


def _quota(root: Path) -> float | None:
    """The cgroup's CPU quota in CPUs, or None where there is none."""
    try:
        if (root / "cpu.max").is_file():
            limit, period = (root / "cpu.max").read_text().split()
        else:
            limit = (root / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (root / "cpu/cpu.cfs_period_us").read_text().strip()
        return None if limit in ("max", "-1") else int(limit) / int(period)
    except (OSError, ValueError):
        return None


def plan_threads(cpus: float, workers: int) -> int:
    """Native threads for each worker, so that workers x threads stays within the CPUs."""
    return max(1, int(cpus) // max(1, workers))


def thread_environment(threads: int, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables to set before numpy and friends are imported; what the operator set stays."""
    return {name: str(threads) for name in VARIABLES if name not in environment}
