"""Reading labelled texts."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from textmill.errors import ConfigurationError
from textmill.training.data import LabelledTexts, read_annotated, read_labelled, split


def test_csv_is_read_with_its_quotes_and_line_breaks(tmp_path: Path) -> None:
    """Also gzipped, and whatever other columns there are."""
    path = tmp_path / "a.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.write('id,text,label\n1,"two\nlines, ""quoted""",x\n2,b,y\n')
    rows = read_labelled(path)
    assert (['two\nlines, "quoted"', "b"], ["x", "y"], ["a.csv.gz"] * 2) == (
        rows.texts,
        rows.labels,
        rows.sources,
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("txt,label\na,b\n", "lacks the column text; it has: txt, label"),
        ("text,label\n", "no rows"),
        ("", "lacks the column label and text"),
        ("text,label\na,\n", "row 2"),
        ("text,label\n\xff", "row 2"),
    ],
)
def test_a_wrong_file_is_told_with_its_place(tmp_path: Path, content: str, told: str) -> None:
    """What is missing, and where."""
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=told):
        read_labelled(path)


def test_bytes_that_are_no_utf_8_are_told(tmp_path: Path) -> None:
    """With the line after which they stand."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,label\na,b\n\xff\xfe,c\n")
    with pytest.raises(ConfigurationError, match="after line"):
        read_labelled(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(ConfigurationError, match=r"gone\.csv does not exist"):
        read_labelled(tmp_path / "gone.csv")


def test_a_tenth_of_each_label_is_held_out_and_no_repeat_of_it_stays() -> None:
    """Otherwise the measured figure would be too good."""
    texts = [f"text number {row}" for row in range(40)] + ["Text NUMBER 9!"]
    data = LabelledTexts(texts, ["a", "b"] * 20 + ["a"], ["f"] * 41)
    rest, held = split(data)
    assert {"a": 2, "b": 2} == {label: held.labels.count(label) for label in "ab"}
    assert not set(rest.texts) & set(held.texts)
    assert ("text number 9" in held.texts) == ("Text NUMBER 9!" not in rest.texts)


def test_conll_becomes_texts_with_spans(tmp_path: Path) -> None:
    """Neighbouring words of one label are one entity, unless a B- begins a new one."""
    path = tmp_path / "a.conll"
    path.write_text("Ada I-PER\nLovelace I-PER\nmet O\nA B-ORG\nB B-ORG\n\nBonn I-LOC\n", encoding="utf-8")
    first, second = read_annotated(path, {"LOC": "GPE"})
    assert [("Ada Lovelace", "PER"), ("A", "ORG"), ("B", "ORG")] == [
        (first.text[start:end], label) for start, end, label in first.entities
    ]
    assert [(0, 4, "GPE")] == second.entities


def test_json_lines_name_the_line_that_is_wrong(tmp_path: Path) -> None:
    """One bad line among good ones."""
    path = tmp_path / "a.jsonl"
    good = '{"text": "Bonn", "entities": [{"start": 0, "end": 4, "label": "GPE"}]}\n'
    path.write_text(good, encoding="utf-8")
    assert [(0, 4, "GPE")] == read_annotated(path)[0].entities
    path.write_text(good + '{"text": "Bonn"}\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match="line 2"):
        read_annotated(path)
