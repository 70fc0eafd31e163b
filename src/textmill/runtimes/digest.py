"""The identity of a stored model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

CHUNK = 1 << 20


def digest(path: Path) -> str:
    """`sha256:` and 64 hex digits over a file, or over a folder's files with their relative names."""
    total = hashlib.sha256()
    if path.is_file():
        _add(total, path)
        return f"sha256:{total.hexdigest()}"
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        name = file.relative_to(path).as_posix().encode()
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


def _add(total: hashlib._Hash, file: Path) -> None:
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            total.update(chunk)
