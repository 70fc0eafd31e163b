"""Which runtime loads what."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import pytest

from tests.unit.runtimes.models import fitted
from textmill.errors import MissingExtraError, ModelInvalidError, ModelNotFoundError
from textmill.runtimes import stored
from textmill.runtimes.base import ModelSpec
from textmill.runtimes.digest import combined, digest
from textmill.runtimes.registry import DEFAULT_MODELS, check, inspect, is_heavy, load


def test_the_default_models_are_there() -> None:
    """One for each task, without any download."""
    assert {name: check(spec) for name, spec in DEFAULT_MODELS.items()} == {
        "entities": "spacy",
        "sentiment": "sklearn",
    }
    assert [is_heavy(spec) for spec in DEFAULT_MODELS.values()] == [True, False]


def test_the_packaged_sentiment_model_says_where_it_comes_from() -> None:
    """Sources, licence, measured quality."""
    info = load(DEFAULT_MODELS["sentiment"]).info
    assert info.labels == ("negative", "positive")
    measured = {row.data: row.value for row in info.quality}
    assert measured["imdb_test.csv.gz"] >= 0.90
    assert "Maas" in (info.source or "")
    assert info.licence
    assert Path(DEFAULT_MODELS["sentiment"].path).stat().st_size <= 6_000_000


@pytest.mark.parametrize(
    ("path", "error", "told"),
    [
        ("model.skosp", ModelNotFoundError, r"Did you mean model\.skops"),
        ("nowhere/model.skops", ModelNotFoundError, "does not exist"),
        ("no such thing", ModelNotFoundError, "installed package"),
        ("notes.txt", ModelInvalidError, "no known suffix"),
        (".", ModelInvalidError, r"without config\.cfg"),
    ],
)
def test_a_wrong_path_is_told_with_what_might_be_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, error: type[Exception], told: str
) -> None:
    """Near names, missing folders, wrong kinds of files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.skops").touch()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(error, match=told):
        check(ModelSpec("m", path))


@pytest.mark.parametrize(("name", "extra"), [("entities", "spacy"), ("sentiment", "sklearn")])
def test_a_missing_library_is_told_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, name: str, extra: str
) -> None:
    """Not as an ImportError."""
    real = importlib.util.find_spec

    def find_spec(module: str, *rest: Any) -> Any:
        return None if module in ("spacy", "skops") else real(module, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    with pytest.raises(MissingExtraError, match=rf"textmill\[{extra}\]"):
        check(DEFAULT_MODELS[name])


def test_a_digest_changes_with_names_and_contents(tmp_path: Path) -> None:
    """Of files and folders; and it does not depend on where they lie."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x").write_bytes(b"1")
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    (tmp_path / "b" / "x").rename(tmp_path / "b" / "y")
    assert digest(tmp_path / "a") != digest(tmp_path / "b")
    (tmp_path / "b" / "y").write_bytes(b"2")
    assert digest(tmp_path / "b" / "y") != digest(tmp_path / "a" / "x")
    assert combined(["x", "y"]) != combined(["y", "x"])


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("en_core_web_smm", "Did you mean en_core_web_sm"),
        ("en-core-web-sm", "Did you mean en_core_web_sm"),
        ("a_module_without_spec", r"\.skops.*folder.*package"),
        ("a" * 5_000, "cannot be looked at"),
        ("dangling.skops", r"link to gone\.skops"),
        ("nothing\0", "no model at"),
    ],
)
def test_a_path_that_cannot_be_a_model_is_told_and_never_a_raw_exception(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, told: str
) -> None:
    """However strange it is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "a_module_without_spec", ModuleType("a_module_without_spec"))
    (tmp_path / "dangling.skops").symlink_to("gone.skops")
    for asked in (check, inspect, load):
        with pytest.raises(ModelNotFoundError, match=told):
            asked(ModelSpec("m", path))


def test_what_is_inspected_says_its_format(tmp_path: Path) -> None:
    """By the file's suffix, and by what an installed package is."""
    joblib.dump(fitted(), tmp_path / "m.joblib")
    stored.save(fitted(), tmp_path / "m.skops")
    specs = [ModelSpec("m", str(tmp_path / f"m{suffix}")) for suffix in (".joblib", ".skops")]
    found = [inspect(spec) for spec in (*specs, *DEFAULT_MODELS.values())]
    assert [row.format for row in found] == ["joblib", "skops", "spacy", "plain"]
    assert [row.executes_code for row in found] == [True, False, False, False]
