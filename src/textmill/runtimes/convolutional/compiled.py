"""spaCy's convolutional entity recognisers, compiled: spaCy's tokeniser, and numpy for the rest.

What is remembered of words are plain values, so they outlive the memory zone in which spaCy tokenised them.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from itertools import accumulate, chain
from types import MethodType
from typing import Any

import numpy as np
from spacy.attrs import IDS, IS_SPACE, LENGTH, SPACY
from spacy.language import Language
from spacy.pipeline._parser_internals.ner import BiluoPushDown
from spacy.pipeline.ner import EntityRecognizer
from spacy.pipeline.tok2vec import Tok2Vec
from spacy.tokenizer import Tokenizer
from spacy.vectors import Mode, Vectors

from textmill.runtimes.base import ModelInfo, NotRecognisedError, Runtime, Span
from textmill.runtimes.convolutional.encoder import Embedder, Encoder, Ids, StaticVectors
from textmill.runtimes.convolutional.layers import Floats, Network, listens, read
from textmill.runtimes.convolutional.texts import verification_texts
from textmill.runtimes.convolutional.transitions import Decoder, read_actions
from textmill.runtimes.convolutional.words import Piece, SpecialCases, Words
from textmill.runtimes.spacy.components import RECOGNISERS
from textmill.runtimes.verification import Candidate
from textmill.runtimes.windows import WINDOW, windows

LEXICAL = frozenset({"LENGTH", "LOWER", "NORM", "ORTH", "PREFIX", "SHAPE", "SPACY", "SUFFIX"})
FLAGS = ("IS_", "LIKE_")
"""Attributes, and beginnings of attributes, that depend on the word alone."""
ROWS = 4096
"""Words that are computed together."""
TOLERANCE = 1e-3
"""How far the vectors of words may lie apart: summing in another order gives about 1e-5."""


class CompiledRecogniser:
    """Finds entities as the pipeline's own recogniser does, in a fraction of the time."""

    def __init__(self, words: Words, encoder: Encoder, decoder: Decoder) -> None:
        self.words = words
        self._encoder = encoder
        self._decoder = decoder

    def entities(self, texts: Sequence[str]) -> list[list[Span]]:
        """The entities of each text; no text may be longer than the pipeline's `max_length`."""
        return [spans for group in _groups(self.words.rows(texts)) for spans in self._spans(group)]

    def vectors(self, text: str) -> Floats:
        """The vectors of a text's words that the actions depend on, to be compared with spaCy's."""
        halo = [0] * self._encoder.halo
        (rows,) = self.words.rows([text])
        return self._decoder.reduce(self._encoder(self.words.vectors[halo + rows + halo]))

    def _spans(self, texts: list[list[int]]) -> list[list[Span]]:
        """The entities of texts that are given as rows of words."""
        found: list[list[Span]] = [[] for _ in texts]
        halo = [0] * self._encoder.halo
        rows = np.array(halo + list(chain.from_iterable(text + halo for text in texts)))
        inner = rows[self._encoder.halo : len(rows) - self._encoder.halo]
        stops = np.array(list(accumulate(len(text) + len(halo) for text in texts))) - len(halo)
        last = np.zeros(len(inner), np.bool_)
        last[stops - 1] = True
        encoded = self._encoder(self.words.vectors[rows])
        entities = self._decoder(encoded, self.words.spaces[inner], last)
        if not entities:
            return found
        begins = np.cumsum(self.words.advances[inner]) - self.words.advances[inner]
        firsts = np.array([first for first, _, _ in entities])
        finals = np.array([stop - 1 for _, stop, _ in entities])
        which = np.searchsorted(stops, firsts, side="right")
        base = begins[stops - [len(text) for text in texts]][which]
        starts = (begins[firsts] - base).tolist()
        ends = (begins[finals] + self.words.lengths[inner[finals]] - base).tolist()
        for text, start, end, (_, _, label) in zip(which.tolist(), starts, ends, entities, strict=True):
            found[text].append((start, end, label))
        return found


class CompiledRuntime:
    """A compiled recogniser behind the protocol of runtimes.

    Attributes:
        window: texts longer than this are split at sentence or line ends, and offsets stitched.
    """

    concurrent = False

    def __init__(self, recogniser: CompiledRecogniser, info: ModelInfo, window: int = WINDOW) -> None:
        self.info = info
        self.window = window
        self._recogniser = recogniser
        self._lock = threading.Lock()

    def predict(self, texts: Sequence[str]) -> list[list[Span]]:
        """The entities of each text, with offsets in code points."""
        parts = [
            (index, start, text[start:end])
            for index, text in enumerate(texts)
            for start, end in windows(text, self.window)
        ]
        found: list[list[Span]] = [[] for _ in texts]
        with self._lock:
            spans = self._recogniser.entities([part for _, _, part in parts])
        for (index, start, _), part in zip(parts, spans, strict=True):
            found[index] += [(start + first, start + end, label) for first, end, label in part]
        return found


def candidate(native: Runtime, nlp: Language) -> Candidate:
    """The compiled form of a pipeline's recogniser beside the native runtime, or why there is none.

    Once it is chosen, what it replaces is taken out of the pipeline, to give back its memory.
    """
    name = next(name for name in nlp.pipe_names if nlp.get_pipe_meta(name).factory in RECOGNISERS)
    try:
        recogniser = compile_recogniser(nlp, name)
    except NotRecognisedError as error:
        return Candidate(native, reason=str(error))

    def release() -> None:
        for component in nlp.component_names:
            nlp.remove_pipe(component)

    return Candidate(
        native,
        CompiledRuntime(recogniser, native.info, min(nlp.max_length, WINDOW)),
        texts=verification_texts,
        tolerance=TOLERANCE,
        numbers="vectors of words",
        distance=lambda text: largest_difference(nlp, name, recogniser, text),
        release=release,
    )


def largest_difference(nlp: Language, name: str, recogniser: CompiledRecogniser, text: str) -> float:
    """How far the vectors of a text's words lie apart from spaCy's, at most."""
    pipe: Any = nlp.get_pipe(name)
    text = text[: min(nlp.max_length, WINDOW)]
    found = recogniser.vectors(text)  # which has a memory zone of its own, and these must not nest
    with nlp.memory_zone():
        document = nlp.make_doc(text)
        for other in nlp.pipe_names[:-1]:
            document = nlp.get_pipe(other)(document)
        apart = np.abs(pipe.model.get_ref("tok2vec").predict([document]) - found)
    return float(apart.max(initial=0.0))


def compile_recogniser(nlp: Language, name: str = "ner") -> CompiledRecogniser:
    """Compile the recogniser of a pipeline.

    Args:
        name: the component; beside it there may only be the embedder that it listens to.

    Raises:
        NotRecognisedError: it is not one that can be compiled, and why.
    """
    recogniser: Any = nlp.get_pipe(name)
    known = type(recogniser) is EntityRecognizer and type(recogniser.moves) is BiluoPushDown
    if not known or recogniser.cfg["beam_width"] != 1:
        raise NotRecognisedError(f"The component {name!r} is no greedy recogniser of spaCy's own.")
    if type(nlp.tokenizer) is not Tokenizer:
        raise NotRecognisedError("Its tokeniser is not spaCy's rule-based one.")
    if nlp.make_doc != MethodType(Language.make_doc, nlp):
        raise NotRecognisedError("It makes documents in a way of its own (make_doc).")
    network = read(recogniser.model, _upstream(nlp, name, recogniser.model))
    moves = recogniser.moves
    actions = read_actions([moves.get_class_name(index) for index in range(moves.n_moves)])
    embedder = Embedder(network.embedding, recogniser.model.ops.hash, _static(nlp, network))
    words = Words(PieceTokeniser(nlp, network), embedder, _special_cases(nlp.tokenizer))
    return CompiledRecogniser(words, Encoder(network.convolutions), Decoder(network.scoring, actions))


class PieceTokeniser:
    """Tokenises pieces of text with a pipeline's tokeniser; what is new to spaCy is given back at once."""

    def __init__(self, nlp: Language, network: Network) -> None:
        self._nlp = nlp
        self._attributes = [_attribute(table.attribute) for table in network.embedding.tables]
        self._measures = [nlp.vocab.vectors.attr, LENGTH, SPACY, IS_SPACE]

    def __call__(self, texts: Collection[str]) -> list[Piece]:
        with self._nlp.memory_zone():
            return [self._piece(text) for text in texts]

    def _piece(self, text: str) -> Piece:
        tokens = self._nlp.make_doc(text)
        values: Ids = tokens.to_array(self._attributes + self._measures)  # type: ignore[assignment]  # uint64
        split = len(self._attributes)
        return Piece(text, values[:, :split], values[:, split:], tokens[0].text, tokens[-1].text)


def _attribute(name: str | int) -> int:
    """The number of an attribute that depends on the word alone."""
    names = {number: known for known, number in IDS.items()}
    known = names.get(name, "?") if isinstance(name, int) else name.upper()
    if known not in IDS or not (known in LEXICAL or known.startswith(FLAGS)):
        raise NotRecognisedError(f"It reads the attribute {known}, which may depend on more than the word.")
    return int(IDS[known])


def _upstream(nlp: Language, name: str, model: Any) -> Any | None:
    """The network of the embedder that a recogniser listens to; nothing else may run beside it."""
    upstream = listens(model)
    others = [other for other in nlp.pipe_names if other != name]
    if upstream is None and not others:
        return None
    if upstream is not None and len(others) == 1 and nlp.pipe_names[-1] == name:
        embedder: Any = nlp.get_pipe(others[0])
        if type(embedder) is Tok2Vec and upstream in {"*", others[0]}:
            return embedder.model
    if not others:
        raise NotRecognisedError("It listens to an embedder that is not in the pipeline.")
    raise NotRecognisedError(f"Other components run beside the recogniser: {', '.join(others)}.")


def _static(nlp: Language, network: Network) -> StaticVectors | None:
    """How static vectors are looked up, for a network that uses them."""
    if network.embedding.projection is None:
        return None
    vectors = nlp.vocab.vectors
    if type(vectors) is not Vectors or vectors.mode != Mode.default:
        raise NotRecognisedError("Its static vectors are no plain table.")
    if network.embedding.projection.shape[1] != vectors.shape[1]:
        raise NotRecognisedError("Its static vectors have another width than its network expects.")

    def look_up(orths: Any) -> Floats:
        rows = vectors.find(keys=orths)
        return np.where((rows >= 0)[:, None], vectors.data[rows], np.float32(0))

    return look_up


def _special_cases(tokenizer: Tokenizer) -> SpecialCases:
    """The special cases of a tokeniser, as it looks for them after splitting."""
    bare = Tokenizer(
        tokenizer.vocab,
        prefix_search=tokenizer.prefix_search,
        suffix_search=tokenizer.suffix_search,
        infix_finditer=tokenizer.infix_finditer,
        token_match=tokenizer.token_match,
        url_match=tokenizer.url_match,
    )
    looked_for = [rule for rule in tokenizer.rules if _is_looked_for(tokenizer, rule)]
    return SpecialCases(tokenizer.rules, {rule: [token.text for token in bare(rule)] for rule in looked_for})


def _is_looked_for(tokenizer: Tokenizer, rule: str) -> bool:
    """Whether a special case would be split, so that the tokeniser looks for it afterwards."""
    parts = tokenizer.find_prefix(rule), tokenizer.find_suffix(rule), tokenizer.find_infix(rule)
    return not tokenizer.faster_heuristics or any(parts) or " " in rule


def _groups(texts: list[list[int]]) -> list[list[list[int]]]:
    """Texts that are computed together."""
    groups: list[list[list[int]]] = [[]]
    size = 0
    for text in texts:
        if groups[-1] and size + len(text) > ROWS:
            groups.append([])
            size = 0
        groups[-1].append(text)
        size += len(text)
    return groups if texts else []
