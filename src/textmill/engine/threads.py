"""How many CPUs there are for us, and how native libraries are kept from starting threads of their own.

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

NATIVE_THREADS = 1
"""What a text multiplies is small; threads that share it wait for each other, above all on busy cores.

Measured on two such cores: entities at 21 and 73 requests a second with two threads, 830 and 1,222 with one.
"""


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


def thread_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables to set before numpy and friends are imported; what the operator set stays."""
    return {name: str(NATIVE_THREADS) for name in VARIABLES if name not in environment}
