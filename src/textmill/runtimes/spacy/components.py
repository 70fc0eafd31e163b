"""Which components of a spaCy pipeline can change its entities, judged by what its configuration says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias

from textmill.errors import ModelInvalidError

Parts: TypeAlias = Mapping[str, Any]
"""The section `components` of a configuration: each component's settings by its name."""

RECOGNISERS = frozenset({"ner", "beam_ner"})
IRRELEVANT = frozenset({
    "attribute_ruler",
    "entity_linker",
    "experimental_edit_tree_lemmatizer",
    "lemmatizer",
    "morphologizer",
    "span_finder",
    "spancat",
    "spancat_singlelabel",
    "tagger",
    "textcat",
    "textcat_multilabel",
    "trainable_lemmatizer",
})
"""spaCy's components that set nothing a recogniser reads, unless `oddities` says otherwise."""
SENTENCES = frozenset({"parser", "beam_parser", "senter", "sentencizer"})
EMBEDDERS = frozenset({"tok2vec", "transformer", "curated_transformer"})
KNOWN = RECOGNISERS | IRRELEVANT | SENTENCES | EMBEDDERS
UNPICKLED = frozenset({"transformer", "curated_transformer"})
"""Their weights are read by PyTorch's loader, which before PyTorch 2.6 executes what a file asks for."""

SUPPLIERS = ("spacy.", "spacy-legacy.", "spacy-transformers.", "spacy-curated-transformers.")
"""How the names of spaCy's own functions begin; any other may read whatever it likes."""
FEATURES = frozenset({"attrs", "columns", "feature"})
"""The settings of spaCy's embedding layers that say which attributes of a token they read."""
LEXICAL = frozenset({
    *("CLUSTER", "ID", "LANG", "LENGTH", "LOWER", "NORM", "ORTH", "PREFIX", "SHAPE", "SPACY", "SUFFIX"),
    *("IS_ALPHA", "IS_ASCII", "IS_BRACKET", "IS_CURRENCY", "IS_DIGIT", "IS_LEFT_PUNCT", "IS_LOWER"),
    *("IS_PUNCT", "IS_QUOTE", "IS_RIGHT_PUNCT", "IS_SPACE", "IS_STOP", "IS_TITLE", "IS_UPPER"),
    *("LIKE_EMAIL", "LIKE_NUM", "LIKE_URL"),
})
"""Attributes that the tokenizer alone decides."""


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
    if set(factories.values()) - KNOWN:
        return list(factories), []
    useful = RECOGNISERS | (SENTENCES if sentences == "parser" else set())
    kept = {name for name, factory in factories.items() if factory in useful}
    heard = set().union(*(listens_to.get(name, set()) for name in kept))
    kept |= {name for name, factory in factories.items() if factory in EMBEDDERS and heard & {name, "*"}}
    return [name for name in factories if name in kept], [name for name in factories if name not in kept]


def oddities(factories: Mapping[str, str], parts: Parts, kept: Iterable[str]) -> Iterator[str]:
    """Why the components in `kept` may depend on any other, each in a few words; mostly nothing."""
    for factory in sorted(set(factories.values()) - KNOWN):
        yield f"textmill does not know what {factory!r} reads and sets"
    for name in kept:
        if factories[name] in KNOWN - IRRELEVANT:
            yield from (f"{name!r} reads {what}" for what in _foreign(parts.get(name)))


def upstreams(part: Any) -> Iterator[str]:
    """The names of the embedders that a component's settings listen to; `*` is any."""
    if not isinstance(part, dict):
        return
    if "Listener" in str(part.get("@architectures", "")):
        yield str(part.get("upstream", "*"))
    for inner in part.values():
        yield from upstreams(inner)


def executed(factories: Mapping[str, str], parts: Parts) -> Iterator[str]:
    """What loading would run beyond spaCy's own code."""
    for name, factory in factories.items():
        if factory not in KNOWN:
            yield f"the factory {factory!r}, if an installed package registers it"
        if factory in UNPICKLED:
            yield f"what the weights of {name!r} ask for (torch.load; nothing since PyTorch 2.6)"
        for function in _functions(parts.get(name)):
            if not function.startswith(SUPPLIERS):
                yield f"the function {function!r}, if an installed package registers it"


def _foreign(part: Any) -> Iterator[str]:
    """What a component's settings read that the tokenizer alone does not decide."""
    if not isinstance(part, dict):
        return
    for key, value in part.items():
        yield from _foreign(value)
        if key in FEATURES:
            names = value if isinstance(value, list) else [value]
            yield from (str(name) for name in names if str(name) not in LEXICAL)
    scorer = part.get("@scorers")  # counts in training; computes nothing here
    own = (str(value) for key, value in part.items() if key.startswith("@") and value != scorer)
    yield from (f"what {function!r} gives" for function in own if not function.startswith(SUPPLIERS))


def _functions(part: Any) -> Iterator[str]:
    """The names of all registered functions in a component's settings."""
    if not isinstance(part, dict):
        return
    for key, value in part.items():
        if key.startswith("@"):
            yield str(value)
        yield from _functions(value)
