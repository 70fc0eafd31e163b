"""The identity of a stored model."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

CHUNK = 1 << 20


def digest(path: Path) -> str:
    """`sha256:` and 64 hex digits over a file, or over a folder's files with their relative names.

    Where a folder lies, and in which order a system lists it, changes nothing.
    """
    total = hashlib.sha256()
    if path.is_file():
        _add(total, path)
        return f"sha256:{total.hexdigest()}"
    for name, file in sorted(_named(path)):
        total.update(b"%d:%b:%d:" % (len(name), name, file.stat().st_size))
        _add(total, file)
    return f"sha256:{total.hexdigest()}"


def combined(digests: Iterable[str]) -> str:
    """One digest for several files, in their order."""
    return f"sha256:{hashlib.sha256(' '.join(digests).encode()).hexdigest()}"


def size(path: Path) -> int:
    """Bytes of a file, or of a folder's files."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _named(folder: Path) -> Iterator[tuple[bytes, Path]]:
    """Each file with its name, sorted by bytes: as paths, systems sort them differently."""
    for file in folder.rglob("*"):
        if file.is_file():
            yield os.fsencode(file.relative_to(folder).as_posix()), file


def _add(total: hashlib._Hash, file: Path) -> None:
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            total.update(chunk)
