"""What is in a pickle, found without executing it.

A pickle is a program. This reader runs it with every class and function replaced by an inert stand-in, notes
the names it asks for, and steps over the numpy arrays that joblib writes between its instructions.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Self

DTYPE = re.compile(r"(?P<kind>[biufcSUV])(?P<width>[0-9]{1,9})|(?P<object>O)8?")
"""The codes of dtypes that are followed: numbers, bytes, text, objects, and records (a tree's nodes)."""
SIZED = "SUV"
"""The kinds whose width also stands in their state."""
DTYPE_VERSION = 3
HOLDS_OBJECTS = 1
"""The bit of a dtype's flags that makes joblib read a pickle instead of bytes."""
MAX_UNPACKED = 1 << 31
"""No file may unpack to more bytes than this,"""
MAX_RATIO = 100
"""nor to more than this many times its size once it is beyond `SMALL`; skops itself compresses nothing."""
SMALL = 1 << 26

OPENERS: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x78": lambda raw: io.BufferedReader(_Inflated(raw)),
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
    b"\x5d\x00": lzma.LZMAFile,
}
"""How each kind of compressed file begins, and what unpacks it."""


class UnreadablePickleError(Exception):
    """The program could not be followed to its end."""


def most(size: int) -> int:
    """How many bytes a file of this size may unpack to; more would only be there to fill the memory."""
    return min(MAX_UNPACKED, max(SMALL, MAX_RATIO * size))


def names(path: Path) -> list[str]:
    """Every class and function a pickle asks for, as `module.name`, sorted.

    Raises:
        UnreadablePickleError: saying why.
    """
    with path.open("rb") as raw:
        size = path.stat().st_size
        reader = _Reader(_Bounded(_opened(raw), max(size, most(size))))
        try:
            reader.load()
        except Exception as error:
            raise UnreadablePickleError(f"{type(error).__name__} after {len(reader.asked)} names") from error
    return sorted(reader.asked)


def _opened(raw: BinaryIO) -> Any:
    start = raw.read(6)
    raw.seek(0)
    for magic, opener in OPENERS.items():
        if start.startswith(magic):
            return opener(raw)
    return raw


class _Inflated(io.RawIOBase):
    """A zlib stream, unpacked as it is read."""

    def __init__(self, raw: BinaryIO) -> None:
        self.raw = raw
        self.zlib = zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = packed = b""
        while not found and not self.zlib.eof:
            packed = self.zlib.unconsumed_tail or self.raw.read(len(buffer))
            found = self.zlib.decompress(packed, len(buffer))
            if not packed:
                break
        buffer[: len(found)] = found
        return len(found)


class _Bounded:
    """A stream that ends with an error where it brings more than it may."""

    def __init__(self, stream: Any, left: int) -> None:
        self.stream = stream
        self.left = left

    def read(self, size: int) -> bytes:
        if size > self.left:
            raise EOFError
        return self._counted(self.stream.read(size))

    def readline(self) -> bytes:
        return self._counted(self.stream.readline(self.left + 1))

    def _counted(self, found: bytes) -> bytes:
        self.left -= len(found)
        if self.left < 0:
            raise EOFError
        return found


class _Inert:
    """Stands for any class, function or object of the pickle, and does nothing."""

    def __new__(cls, *_: Any, **__: Any) -> Self:
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __call__(self, *_: Any, **__: Any) -> _Inert:
        return _Inert()

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        pass

    def extend(self, _: Any) -> None:
        pass

    add = append


class _Array(_Inert):
    """Stands for joblib's note that the bytes of an array follow; joblib writes it without arguments."""

    def __init__(self, *arguments: Any) -> None:
        if arguments:
            raise ValueError("An array's note with arguments has facts that its state does not.")

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Type(_Inert):
    """Stands for a numpy dtype: how many bytes an element has, and whether elements are pickles again.

    Only the kinds that models are made of, as numpy writes them. Any other could have another width than it
    seems to have, and the reader would take an array's bytes for instructions, or instructions for bytes.
    """

    def __init__(self, code: str, *_: Any) -> None:
        found = DTYPE.fullmatch(code)
        if not found:
            raise ValueError("An unusual dtype.")
        self.kind = found["kind"] or "O"
        self.width = int(found["width"] or 1) * (4 if self.kind == "U" else 1)

    def __setstate__(self, state: Any) -> None:
        version, _order, parent, *fields, width, _alignment, flags = state
        usual = width == self.width if self.kind in SIZED else width == -1
        objects = self.kind == "O"
        described = parent is not None or (fields != [None, None] and self.kind != "V")
        known = version == DTYPE_VERSION and not described
        if not known or not usual or bool(flags & HOLDS_OBJECTS) != objects:
            raise ValueError("An unusual dtype.")


STAND_INS: dict[str, type[_Inert]] = {"joblib.numpy_pickle.NumpyArrayWrapper": _Array, "numpy.dtype": _Type}


_Base: Any = pickle._Unpickler  # noqa: SLF001 - the readable one, as joblib does


class _Reader(_Base):  # type: ignore[misc]  # typeshed does not know the readable unpickler
    """Follows a pickle and notes what it asks for."""

    dispatch = _Base.dispatch.copy()

    def __init__(self, stream: _Bounded, *, arrays: bool = True) -> None:
        super().__init__(stream)
        self.stream = stream
        self.arrays = arrays
        self.asked: set[str] = set()

    def find_class(self, module: str, name: str) -> type[_Inert]:
        full = f"{module}.{name}"
        self.asked.add(full)
        return STAND_INS.get(full) or type(name, (_Inert,), {})

    def persistent_load(self, _pid: Any) -> _Inert:
        return _Inert()

    def load_build(self) -> None:
        super().load_build()
        if self.arrays and isinstance(self.stack[-1], _Array):
            self._skip(self.stack[-1].state)

    dispatch[pickle.BUILD[0]] = load_build

    def _skip(self, state: dict[str, Any]) -> None:
        """Step over an array's bytes, as joblib's own reader would read them."""
        kind: _Type = state["dtype"]
        if kind.kind == "O":
            inner = _Reader(self.stream, arrays=False)  # joblib reads it as a plain pickle
            inner.load()
            self.asked |= inner.asked
            return
        if state.get("numpy_array_alignment_bytes") is not None:
            self.stream.read(self.stream.read(1)[0])
        left = kind.width
        for length in state["shape"]:
            left *= length
        while left:
            chunk = self.stream.read(min(left, 1 << 20))
            if not chunk:
                raise EOFError
            left -= len(chunk)
