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

DTYPE = re.compile(r"(?P<kind>[biufcSU])(?P<width>[0-9]{1,9})|(?P<object>O)8?")
"""The codes of dtypes that are followed: numbers, bytes, text and objects."""
DTYPE_VERSION = 3
HOLDS_OBJECTS = 1
"""The bit of a dtype's flags that makes joblib read a pickle instead of bytes."""
MAX_BYTES = 1 << 31
"""No more than this is unpacked from a compressed file."""

OPENERS: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
    b"\x5d\x00": lzma.LZMAFile,
}
"""How each kind of compressed file begins, and what unpacks it."""


class UnreadablePickleError(Exception):
    """The program could not be followed to its end."""


def names(path: Path) -> list[str]:
    """Every class and function a pickle asks for, as `module.name`, sorted.

    Raises:
        UnreadablePickleError: saying why.
    """
    with path.open("rb") as raw:
        reader = _Reader(_opened(raw))
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
    if start[:1] == b"\x78":
        return io.BytesIO(zlib.decompressobj().decompress(raw.read(), MAX_BYTES))
    return raw


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
        version, _order, *described, width, _alignment, flags = state
        usual = width == self.width if self.kind in "SU" else width == -1
        objects = self.kind == "O"
        known = version == DTYPE_VERSION and described == [None] * 3
        if not known or not usual or bool(flags & HOLDS_OBJECTS) != objects:
            raise ValueError("An unusual dtype.")


STAND_INS: dict[str, type[_Inert]] = {"joblib.numpy_pickle.NumpyArrayWrapper": _Array, "numpy.dtype": _Type}


_Base: Any = pickle._Unpickler  # noqa: SLF001 - the readable one, as joblib does


class _Reader(_Base):  # type: ignore[misc]  # typeshed does not know the readable unpickler
    """Follows a pickle and notes what it asks for."""

    dispatch = _Base.dispatch.copy()

    def __init__(self, stream: BinaryIO, *, arrays: bool = True) -> None:
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
