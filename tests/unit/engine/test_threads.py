"""CPUs and native threads."""

from __future__ import annotations

from pathlib import Path

import pytest

from textmill.engine.threads import VARIABLES, available_cpus, thread_environment


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "50000 100000\n"}, 0.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "25000", "cpu/cpu.cfs_period_us": "100000"}, 0.25),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({"cpu.max": "nonsense"}, None),
        ({}, None),
    ],
)
def test_the_containers_quota_is_seen(tmp_path: Path, files: dict[str, str], quota: float | None) -> None:
    """Both cgroup versions are read; without a quota the scheduler's affinity counts."""
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    without = available_cpus(tmp_path / "nowhere")
    assert available_cpus(tmp_path) == (without if quota is None else quota)


def test_what_the_operator_set_stays() -> None:
    """Only variables that are not set yet are planned."""
    planned = thread_environment({"OMP_NUM_THREADS": "7"})
    assert planned == {name: "1" for name in VARIABLES if name != "OMP_NUM_THREADS"}
