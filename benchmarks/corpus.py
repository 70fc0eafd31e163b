"""The texts of a run: read from a file, handed to the load as one JSON body a line."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

INVENTED = Path(__file__).parent / "texts"


@dataclass(frozen=True, slots=True)
class Corpus:
    """Some texts and where they came from."""

    source: str
    texts: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Twelve hex digits that name exactly these texts in this order."""
        return hashlib.sha256("\0".join(self.texts).encode()).hexdigest()[:12]

    def __str__(self) -> str:
        words = sum(len(text.split()) for text in self.texts) / len(self.texts)
        return f"{self.source}: {len(self.texts)} texts, mean {words:.0f} words, sha256 {self.digest}"

    def sample(self, size: int) -> tuple[str, ...]:
        """Return up to `size` texts, spread evenly over all of them."""
        return self.texts[:: max(1, len(self.texts) // size)][:size]

    def write_bodies(self, path: Path) -> None:
        """Write the request bodies that the load sends."""
        lines = [json.dumps({"text": text}) for text in self.texts]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(path: Path) -> Corpus:
    """Read a file with one JSON object with a `text` per line; `.gz` is unpacked.

    Raises:
        SystemExit: the file is missing, empty or of another form; the message names the line.
    """
    try:
        lines = _lines(path)
    except OSError as error:
        msg = f"Cannot read the texts in {path}: {error.strerror}."
        raise SystemExit(msg) from None
    texts = tuple(_text(path, number, line) for number, line in enumerate(lines, 1) if line.strip())
    if not texts:
        msg = f'{path} holds no texts. Write one {{"text": "..."}} per line.'
        raise SystemExit(msg)
    return Corpus(path.name, texts)


def _lines(path: Path) -> list[str]:
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8").split("\n")


def _text(path: Path, number: int, line: str) -> str:
    try:
        value = json.loads(line)["text"]
    except (ValueError, KeyError, TypeError):
        value = None
    if not isinstance(value, str) or not value:
        msg = f'{path}, line {number}: expected an object such as {{"text": "..."}}.'
        raise SystemExit(msg)
    return value
