"""Which runtime loads what."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import pytest

from tests.unit.runtimes.models import fitted
from textmill.errors import MissingExtraError, ModelInvalidError, ModelNotFoundError
from textmill.runtimes.base import ModelSpec
from textmill.runtimes.digest import combined, digest
from textmill.runtimes.registry import DEFAULT_MODELS, check, inspect, is_heavy, load
from textmill.runtimes.sklearn import stored


def test_the_default_models_are_there() -> None:
    """One for each task, without any download."""
    assert {name: check(spec) for name, spec in DEFAULT_MODELS.items()} == {
        "entities": "spacy",
        "sentiment": "sklearn",
    }
    native = [replace(spec, runtime="native") for spec in DEFAULT_MODELS.values()]
    assert [is_heavy(spec) for spec in native] == [True, False]
    assert not any(is_heavy(spec) for spec in DEFAULT_MODELS.values())


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


def test_checking_a_plain_model_loads_no_library() -> None:
    """Threads are planned after the check and before numpy is imported."""
    code = (
        "import sys; from textmill.runtimes import registry\n"
        "for spec in registry.DEFAULT_MODELS.values(): registry.check(spec)\n"
        "print(sorted({'numpy', 'scipy', 'sklearn', 'skops', 'spacy'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]\n" == told.stdout


def test_a_library_that_is_really_absent_is_told(tmp_path: Path) -> None:
    """In a process that cannot find it, whatever asks: a check, a look, a load."""
    stored.save(fitted(), tmp_path / "m.skops")
    code = f"""
import sys
class Blocked:
    def find_spec(self, name, *rest):
        if name in ("spacy", "skops"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocked())
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in ("spacy", "skops") else real(name, *rest)
from textmill.errors import MissingExtraError
from textmill.runtimes import registry
from textmill.runtimes.base import ModelSpec
for spec in (ModelSpec("m", {str(tmp_path / "m.skops")!r}), registry.DEFAULT_MODELS["entities"]):
    for use in (registry.check, registry.inspect, registry.load):
        try:
            use(spec)
        except MissingExtraError as error:
            print(error)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 3 == told.stdout.count("pip install 'textmill[sklearn]'")
    assert 3 == told.stdout.count("pip install 'textmill[spacy]'")


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
