"""Labelled texts: classification rows from CSV, entities from CoNLL or JSON lines."""

from __future__ import annotations

import csv
import gzip
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from textmill.errors import ConfigurationError
from textmill.runtimes.base import Span

csv.field_size_limit(min(sys.maxsize, 2**31 - 1))

WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class LabelledTexts:
    """Texts with their labels, and the name of the file each comes from."""

    texts: list[str]
    labels: list[str]
    sources: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    def __add__(self, other: LabelledTexts) -> LabelledTexts:
        return LabelledTexts(
            self.texts + other.texts, self.labels + other.labels, self.sources + other.sources
        )

    def at(self, rows: Iterable[int]) -> LabelledTexts:
        """Some of the rows."""
        chosen = list(rows)
        return LabelledTexts(
            [self.texts[row] for row in chosen],
            [self.labels[row] for row in chosen],
            [self.sources[row] for row in chosen],
        )


@dataclass(frozen=True, slots=True)
class AnnotatedText:
    """A text with its entities."""

    text: str
    entities: list[Span]


def read_labelled(path: Path) -> LabelledTexts:
    """Read a CSV file (also .gz, .tsv) with columns `text` and `label`.

    Raises:
        ConfigurationError: naming the line or the column that is wrong.
    """
    texts, labels = [], []
    with _opened(path) as stream:
        reader = csv.DictReader(stream, delimiter="\t" if ".tsv" in path.suffixes else ",")
        for number, row in enumerate(_rows(reader, path), 2):
            text, label = row["text"], row["label"]
            if not text or not label:
                raise ConfigurationError(f"{path}, row {number}: text and label must both be filled in.")
            texts.append(text)
            labels.append(label)
    if not texts:
        raise ConfigurationError(f"{path} has no rows.")
    return LabelledTexts(texts, labels, [path.name] * len(texts))


def split(data: LabelledTexts, every: int = 10) -> tuple[LabelledTexts, LabelledTexts]:
    """Hold out every tenth text of each label; repeats of a held-out text leave the rest too.

    Returns:
        What is left, and what is held out.
    """
    seen: dict[tuple[str, str], int] = {}
    held: list[int] = []
    rest: list[int] = []
    for row, group in enumerate(zip(data.sources, data.labels, strict=True)):
        seen[group] = seen.get(group, 0) + 1
        (held if seen[group] % every == 0 else rest).append(row)
    unseen = {_key(data.texts[row]) for row in held}
    return data.at(row for row in rest if _key(data.texts[row]) not in unseen), data.at(held)


def read_annotated(path: Path, renamed: Mapping[str, str] | None = None) -> list[AnnotatedText]:
    """Read entities: CoNLL (word and tag in the first and last column), or JSON lines.

    A JSON line is `{"text": ..., "entities": [{"start", "end", "label"}]}`.

    Args:
        renamed: labels of the file by the names they should have; others stay.

    Raises:
        ConfigurationError: naming the line that is wrong.
    """
    names = renamed or {}
    with _opened(path) as stream:
        is_json = ".jsonl" in path.suffixes
        found = list(_json_lines(stream, path) if is_json else _conll(stream, path))
    if not found:
        raise ConfigurationError(f"{path} has no texts.")
    return [
        AnnotatedText(one.text, [(start, end, names.get(label, label)) for start, end, label in one.entities])
        for one in found
    ]


def _opened(path: Path) -> IO[str]:
    if not path.is_file():
        raise ConfigurationError(f"The data file {path} does not exist.")
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _rows(reader: csv.DictReader[str], path: Path) -> Iterator[dict[str, str]]:
    try:
        columns = reader.fieldnames or []
        if missing := {"text", "label"} - set(columns):
            raise ConfigurationError(
                f"{path} lacks the column {' and '.join(sorted(missing))}; it has: {', '.join(columns)}."
            )
        yield from reader
    except (csv.Error, UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
        raise ConfigurationError(f"{path}, after line {reader.line_num}: {error}") from None


def _key(text: str) -> str:
    """A text without case and punctuation, to recognise repeats."""
    return " ".join(WORD.findall(text.lower()))


def _json_lines(stream: IO[str], path: Path) -> Iterator[AnnotatedText]:
    for number, line in enumerate(stream, 1):
        try:
            row = json.loads(line)
            spans = [(int(e["start"]), int(e["end"]), str(e["label"])) for e in row["entities"]]
            yield AnnotatedText(str(row["text"]), spans)
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"{path}, line {number}: {type(error).__name__} at {error}.") from None


def _conll(stream: IO[str], path: Path) -> Iterator[AnnotatedText]:
    sentence: list[tuple[str, str]] = []
    for number, line in enumerate(stream, 1):
        columns = line.split()
        if not columns or columns[0] == "-DOCSTART-":
            if sentence:
                yield _sentence(sentence)
            sentence = []
        elif len(columns) == 1:
            raise ConfigurationError(f"{path}, line {number}: a word without a tag.")
        else:
            sentence.append((columns[0], columns[-1]))
    if sentence:
        yield _sentence(sentence)


def _sentence(words: list[tuple[str, str]]) -> AnnotatedText:
    """Words and BIO or IO tags as a text and spans."""
    text, spans = "", []
    begun: tuple[int, str] | None = None
    for word, tag in words:
        kind = tag[2:] if tag != "O" else ""
        if begun and (kind != begun[1] or tag.startswith("B-")):
            spans.append((begun[0], len(text), begun[1]))
            begun = None
        text = f"{text} {word}" if text else word
        if kind and begun is None:
            begun = (len(text) - len(word), kind)
    if begun:
        spans.append((begun[0], len(text), begun[1]))
    return AnnotatedText(text, spans)
