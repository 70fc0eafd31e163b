"""The protocol of every runtime: a stored model as a callable on a list of texts.

Results are plain, picklable values: they cross process borders and outlive the library's own objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, cast

Task: TypeAlias = Literal["classification", "entities"]

Scores: TypeAlias = tuple[float, ...]
"""One text's score for each label, in the order of `ModelInfo.labels`; finite Python floats."""

Span: TypeAlias = tuple[int, int, str]
"""One entity: start, end (code points, `text[start:end]`) and label."""

Prediction: TypeAlias = Scores | list[Span]
"""What a runtime predicts for one text: `Scores` for classification, spans for entities."""

Place: TypeAlias = tuple[int, int]
"""Start and end in the text, in code points."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one term adds to a decision value.

    Attributes:
        term: as the vectorizer knows it.
        value: positive where it speaks for the label.
        places: where it stands, in reading order.
    """

    term: str
    value: float
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """One label's decision value: `base` and all contributions together.

    Attributes:
        label: which label it speaks for; of two labels only the second has one, and the first its opposite.
        decision: the model's own decision value; of naive Bayes with two labels, the log of their odds.
        base: what it is without any known term.
        contributions: the strongest first.
    """

    label: str
    decision: float
    base: float
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """One text's scores, and why they are what they are."""

    scores: Scores
    explanations: tuple[Explanation, ...]


Result: TypeAlias = Prediction | Explained
"""What a caller gets for one text: a prediction, with reasons where they were asked for."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which stored model to load, and how. Picklable: worker processes receive it.

    Attributes:
        name: the name the model is served under.
        path: a file, a folder, or the name of an installed package.
        vectorizer: the second file of a pair (`sentiment_model.pkl` + `vectorizer.pkl`), or None
            to look for `vectorizer.*` beside a model that takes numbers.
        trust: allow a format whose loading executes code (joblib, pickle, custom spaCy code).
        allow_version_mismatch: load although another version of the library wrote it.
        sentences: spaCy only: `parser` also runs the parser, since an entity may not cross the sentence
            starts it sets; `none` skips it, which is several times faster.
        runtime: `native` lets the library compute, `compiled` insists on the faster implementation, and
            `auto` takes it where it fits the model and gives the same answers.
        verify_with: a file with further texts, one a line, on which these answers must be the same.
        sha256: the digest that its files must have, before anything of them is executed.
    """

    name: str
    path: str
    vectorizer: str | None = None
    trust: bool = False
    allow_version_mismatch: bool = False
    sentences: Literal["none", "parser"] = "none"
    runtime: Literal["auto", "compiled", "native"] = "auto"
    verify_with: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """One measured figure of a model: on which data, which measure, over how many texts."""

    data: str
    measure: str
    value: float
    texts: int


@dataclass(frozen=True, slots=True)
class Verified:
    """How a compiled runtime was proven: on how many texts, and how far numbers lay apart at most."""

    texts: int
    largest_difference: float


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The model card: what is known of a loaded model, as plain values.

    Attributes:
        labels: every label the model can answer; for classification in the order of `Scores`.
        calibrated: whether scores are probabilities; None where the task has no scores.
        library, library_version: what computes, as `scikit-learn` and `1.9.1`.
        trained_with: the library version that wrote the model, where it says so.
        digest: `sha256:` and 64 hex digits over the model's files.
        runtime: `native` or `compiled`.
        runtime_reason: why that runtime was chosen, in a sentence or two.
        verified: the proof of a compiled runtime.
        explains: whether `Runtime.explain` can say which terms decided.
    """

    task: Task
    labels: tuple[str, ...]
    library: str
    library_version: str
    digest: str
    runtime: str
    runtime_reason: str
    verified: Verified | None = None
    explains: bool = False
    calibrated: bool | None = None
    trained_with: str | None = None
    description: str | None = None
    source: str | None = None
    licence: str | None = None
    language: str | None = None
    created: str | None = None
    quality: tuple[Quality, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())


class NotRecognisedError(Exception):
    """A model has a part that no compiled runtime knows; the message says which, in one sentence."""


class Runtime(Protocol):
    """A loaded model.

    `predict` answers one `Prediction` per text, in order, and is called from one thread at a time unless
    `concurrent` is true. It may raise anything: the engine finds the text that caused it.
    """

    info: ModelInfo

    @property
    def concurrent(self) -> bool:
        """Whether several threads may call `predict` at once."""
        ...

    def predict(self, texts: Sequence[str]) -> Sequence[Prediction]: ...


class ExplainingRuntime(Runtime, Protocol):
    """A runtime that knows why; `info.explains` says that it is one."""

    def explain(self, texts: Sequence[str]) -> Sequence[Explained]:
        """As `predict`, with reasons."""
        ...


def answer(runtime: Runtime, texts: Sequence[str], *, explain: bool = False) -> Sequence[Result]:
    """Ask a runtime, with reasons where they are wanted (and `info.explains`)."""
    if explain:
        return cast("ExplainingRuntime", runtime).explain(texts)
    return runtime.predict(texts)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a stored model is and what loading it would execute, found without executing it.

    Attributes:
        format: such as `skops`, `joblib`, `pickle`, `spacy`, `plain`.
        executes_code: whether loading runs code that the file brings or names.
        executes: the names (module.attribute) that loading would import or call beyond the known-safe ones.
        details: further facts in reading order, as (name, value) pairs.
    """

    path: str
    format: str
    digest: str
    size: int
    executes_code: bool
    executes: tuple[str, ...] = field(default=())
    details: tuple[tuple[str, str], ...] = field(default=())
