"""What is in a pickle, without executing it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import pickletools
import random
import resource
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.runtimes.models import CLASSIFIERS, fitted
from textmill.runtimes.sklearn import pickles

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda content: lzma.compress(content, lzma.FORMAT_ALONE),
}


def asked(content: bytes) -> list[str]:
    """The names that the standard library's own reader of pickles finds."""
    strings: list[str] = []
    found, memo = set[str](), dict[int, str]()
    for code, told, _ in pickletools.genops(content):
        argument: Any = told
        if code.name == "GLOBAL":
            found.add(argument.replace(" ", "."))
        elif code.name == "STACK_GLOBAL":
            found.add(".".join(strings[-2:]))
        elif code.name == "MEMOIZE":
            memo[len(memo)] = strings[-1] if strings else ""
        elif "BINGET" in code.name:
            strings.append(memo.get(argument, ""))
        if isinstance(argument, str) and "UNICODE" in code.name:
            strings.append(argument)
    return sorted(found)


@pytest.mark.parametrize("protocol", [0, 2, 3])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_names_are_those_that_the_standard_reader_finds(tmp_path: Path, name: str, protocol: int) -> None:
    """None is missed and none is added, in protocols that spell each name out."""
    content = pickle.dumps(fitted(CLASSIFIERS[name]), protocol)
    (tmp_path / "m.pkl").write_bytes(content)
    assert asked(content) == pickles.names(tmp_path / "m.pkl")
    assert any(found.startswith("sklearn.") for found in asked(content))


@pytest.mark.parametrize("protocol", [4, 5])
def test_names_on_the_stack_are_found(tmp_path: Path, protocol: int) -> None:
    """As newer protocols write them."""
    content = pickle.dumps([os.getcwd, os.path.join, compile], protocol)
    (tmp_path / "m.pkl").write_bytes(content)
    assert asked(content) == pickles.names(tmp_path / "m.pkl")
    assert ["builtins.compile", "posix.getcwd", "posixpath.join"] == asked(content)


class Evaluated:
    """A pickle that evaluates Python when it is loaded."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return eval, (self.code,)  # noqa: S307 - what is to be found, and not to be executed


@pytest.mark.parametrize("packed", [None, *PACKERS])
def test_nothing_is_executed_however_it_is_packed(tmp_path: Path, packed: str | None) -> None:
    """The command would run when joblib loads the same file."""
    path, marker = tmp_path / "m.joblib", tmp_path / "executed"
    content = pickle.dumps(Evaluated(f"open({str(marker)!r}, 'w').close()"))
    path.write_bytes(PACKERS[packed](content) if packed else content)
    assert ["builtins.eval"] == pickles.names(path)
    assert not marker.exists()
    joblib.load(path)
    assert marker.exists(), "no real danger, so no real test"


@pytest.mark.parametrize("compress", [0, ("zlib", 3)], ids=str)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_kind_of_model_is_followed_to_its_end(tmp_path: Path, name: str, compress: Any) -> None:
    """As joblib writes it, trees with their records of nodes included; what stands last is found."""
    joblib.dump([fitted(CLASSIFIERS[name]), os.getcwd], tmp_path / "m.joblib", compress=compress)
    found = pickles.names(tmp_path / "m.joblib")
    assert {"posix.getcwd", "sklearn.pipeline.Pipeline"} <= set(found)


def test_a_command_in_an_array_of_objects_is_found(tmp_path: Path) -> None:
    """It is written as a pickle inside the pickle."""
    marker = tmp_path / "executed"
    bomb = Evaluated(f"open({str(marker)!r}, 'w').close()")
    joblib.dump({"a": np.ones(3), "b": np.array([bomb, None], dtype=object)}, tmp_path / "m.joblib")
    assert "builtins.eval" in pickles.names(tmp_path / "m.joblib")
    assert not marker.exists()


@pytest.mark.parametrize("packed", PACKERS)
def test_a_small_file_cannot_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: str
) -> None:
    """One that unpacks to far more than it is; it is refused before it is unpacked."""
    path, size = tmp_path / "m.joblib", 1 << 20
    path.write_bytes(PACKERS[packed](b"\x80\x04\x8e" + struct.pack("<Q", size) + bytes(size) + b"."))
    assert [] == pickles.names(path)
    monkeypatch.setattr(pickles, "SMALL", size // 2)
    with pytest.raises(pickles.UnreadablePickleError, match="EOFError"):
        pickles.names(path)


def test_memory_grows_with_what_is_kept_and_not_with_what_is_packed(tmp_path: Path) -> None:
    """Arrays are stepped over; a file of zeros is followed without holding them."""
    zeros = np.zeros(7_000_000)
    joblib.dump([zeros, os.getcwd], tmp_path / "m.joblib", compress=("zlib", 1))
    del zeros
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "posix.getcwd" in pickles.names(tmp_path / "m.joblib")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8_000


def test_a_file_may_be_as_large_as_it_is() -> None:
    """The bound is on what is unpacked; no file is refused for its own size."""
    assert pickles.SMALL == pickles.most(0)
    assert pickles.MAX_UNPACKED == pickles.most(1 << 40)
    assert 100 << 20 == pickles.most(1 << 20)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_any_bytes_are_read_or_called_unreadable(tmp_path: Path, content: bytes) -> None:
    """Never with another error."""
    (tmp_path / "m.pkl").write_bytes(b"\x80\x04" + content)
    try:
        found = pickles.names(tmp_path / "m.pkl")
    except pickles.UnreadablePickleError:
        return
    assert found == sorted(found)


@pytest.mark.parametrize("packed", [None, *PACKERS])
def test_a_damaged_file_is_read_or_called_unreadable(tmp_path: Path, packed: str | None) -> None:
    """Bytes changed and ends cut off, packed or not."""
    stream = io.BytesIO()
    joblib.dump(fitted(), stream)
    content = PACKERS[packed](stream.getvalue()) if packed else stream.getvalue()
    chance = random.Random(0)  # noqa: S311 - damage needs no secrecy
    unreadable = 0
    for _ in range(60):
        damaged = bytearray(content)
        damaged[chance.randrange(len(damaged))] ^= 1 + chance.randrange(255)
        (tmp_path / "m.joblib").write_bytes(damaged[: chance.choice([len(damaged), len(damaged) // 2])])
        try:
            pickles.names(tmp_path / "m.joblib")
        except pickles.UnreadablePickleError:
            unreadable += 1
    assert unreadable > 20
