"""Read a spaCy recogniser's network, layer by layer, into plain arrays.

A layer is recognised by the function that computes it, not by its name, so a patched or foreign layer is
refused. Weights are copied into the order in which they are used: each piece of a maxout is one block, small
enough that BLAS multiplies it without packing when a text is short.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from textmill.runtimes.base import NotRecognisedError

Floats: TypeAlias = NDArray[np.float32]

KINDS = {
    "spacy.ml._precomputable_affine": "affine",
    "spacy.ml.featureextractor": "features",
    "spacy.ml.staticvectors": "vectors",
    "spacy.ml.tb_framework": "transitions",
    "spacy.pipeline.tok2vec": "listener",
    "thinc.layers.array_getitem": "column",
    "thinc.layers.chain": "chain",
    "thinc.layers.concatenate": "concatenate",
    "thinc.layers.dropout": "dropout",
    "thinc.layers.expand_window": "window",
    "thinc.layers.hashembed": "hash",
    "thinc.layers.layernorm": "norm",
    "thinc.layers.linear": "linear",
    "thinc.layers.list2array": "to-array",
    "thinc.layers.list2ragged": "to-ragged",
    "thinc.layers.maxout": "maxout",
    "thinc.layers.ragged2list": "to-list",
    "thinc.layers.residual": "residual",
    "thinc.layers.with_array": "array",
}
"""Where a layer's function lives, and what the layer is called here."""


@dataclass(frozen=True, slots=True)
class Mixing:
    """A maxout with layer normalisation: the best of several linear layers, centred and scaled."""

    weights: Floats
    """(pieces, inputs, width)"""
    bias: Floats
    """(pieces, 1, width)"""
    gain: Floats
    shift: Floats


@dataclass(frozen=True, slots=True)
class HashTable:
    """An embedding table: four rows are added up for every value of an attribute."""

    attribute: str | int
    seed: int
    rows: Floats


@dataclass(frozen=True, slots=True)
class Embedding:
    """What turns a word into a vector.

    Attributes:
        projection: the linear layer over the vocabulary's static vectors, or None without them.
    """

    tables: tuple[HashTable, ...]
    projection: Floats | None
    mixing: Mixing


@dataclass(frozen=True, slots=True)
class Convolution:
    """One residual layer over a word and `window` neighbours on both sides."""

    window: int
    mixing: Mixing


@dataclass(frozen=True, slots=True)
class Scoring:
    """What turns word vectors into the scores of actions.

    Attributes:
        reduce, reduce_bias: (inputs, width), the linear layer between the encoder and the states.
        features: (slots, pieces, width, hidden), what a word adds to a state for each slot that it can fill.
        missing: (slots, pieces, hidden), what an empty slot adds.
        bias: (pieces, hidden)
        output, output_bias: from the hidden layer to the actions, (actions, hidden), or None where the hidden
            layer is the scores.
    """

    reduce: Floats
    reduce_bias: Floats
    features: Floats
    missing: Floats
    bias: Floats
    output: Floats | None
    output_bias: Floats | None


@dataclass(frozen=True, slots=True)
class Network:
    """A whole recogniser, as arrays."""

    embedding: Embedding
    convolutions: tuple[Convolution, ...]
    scoring: Scoring


def read(model: Any, upstream: Any | None) -> Network:
    """Read a recogniser's network.

    Args:
        model: the network of the component.
        upstream: the network of the shared embedder, for a recogniser that listens to one.

    Raises:
        NotRecognisedError: it has a layer, or an order of layers, that is not known.
    """
    _expect("transitions", model)
    _check_ops(model)
    *embedder, to_array, reduce = _flat(model.get_ref("tok2vec"))
    _expect("to-array", to_array)
    _expect("linear", reduce)
    if len(embedder) == 1 and _kind(embedder[0]) == "listener":
        if upstream is None:
            raise NotRecognisedError("It listens to an embedder that is not in the pipeline.")
        _check_ops(upstream)
        embedder = list(_flat(upstream))
    embed, encode = _parts(embedder)
    return Network(embed, tuple(_convolutions(encode)), _scoring(model, reduce))


def listens(model: Any) -> str | None:
    """The name of the embedder that a recogniser listens to (`*` is any), or None where it has its own."""
    names = [str(layer.upstream_name) for layer in model.walk() if _kind(layer) == "listener"]
    return names[0] if names else None


def _parts(embedder: list[Any]) -> tuple[Embedding, Any]:
    """The embedding, and the layer that holds the encoder."""
    match [_kind(layer) for layer in embedder]:
        case ["features", "to-ragged", "array", "array", "to-list", "array"]:
            features, _, tables, mixing, _, encode = embedder
            projection = None
        case ["concatenate", "array", "to-list", "array"]:
            both, mixing, _, encode = embedder
            features, tables, projection = _with_vectors(both)
        case kinds:
            raise NotRecognisedError(f"Its embedder has the layers {', '.join(kinds)}, in an unknown order.")
    columns = tuple(features.attrs["columns"])
    return Embedding(
        tuple(_tables(tables, columns)), projection, _mixing(list(_flat(mixing.layers[0])))
    ), encode


def _with_vectors(both: Any) -> tuple[Any, Any, Floats]:
    """The parts of an embedder that also uses the vocabulary's vectors."""
    layers = [inner for layer in both.layers for inner in _flat(layer)]
    if [_kind(layer) for layer in layers] != ["features", "to-ragged", "array", "vectors"]:
        raise NotRecognisedError("It joins its vectors in an unknown way.")
    return layers[0], layers[2], _array(layers[3], "W")


def _tables(layer: Any, columns: tuple[str | int, ...]) -> Iterator[HashTable]:
    (inner,) = layer.layers
    for each in inner.layers if _kind(inner) == "concatenate" else [inner]:
        column, table = _pair(each)
        every, index = column.attrs["index"]
        if every != slice(0, None) or not isinstance(index, int):
            raise NotRecognisedError("One of its tables reads more than one attribute.")
        yield HashTable(columns[index], int(table.attrs["seed"]), _array(table, "E"))


def _pair(layer: Any) -> tuple[Any, Any]:
    layers = list(_flat(layer))
    if [_kind(each) for each in layers] != ["column", "hash"]:
        raise NotRecognisedError("One of its embeddings is no hash table.")
    return layers[0], layers[1]


def _convolutions(encode: Any) -> Iterator[Convolution]:
    """The encoder's layers; their padding must keep neighbouring texts apart."""
    found = []
    for layer in _flat(encode.layers[0]):
        _expect("residual", layer)
        window, *mixing = _flat(layer.layers[0])
        _expect("window", window)
        found.append(Convolution(int(window.attrs["window_size"]), _mixing(mixing)))
    if encode.attrs["pad"] < sum(each.window for each in found):
        raise NotRecognisedError("Its encoder lets neighbouring texts see each other.")
    yield from found


def _mixing(layers: list[Any]) -> Mixing:
    if [_kind(layer) for layer in layers] != ["maxout", "norm"]:
        raise NotRecognisedError("It has an activation that is no normalised maxout.")
    maxout, norm = layers
    return Mixing(
        weights=_ordered(_array(maxout, "W"), (1, 2, 0)),
        bias=_ordered(_array(maxout, "b"), (1, 0))[:, None],
        gain=_array(norm, "G"),
        shift=_array(norm, "b"),
    )


def _scoring(model: Any, reduce: Any) -> Scoring:
    lower = model.get_ref("lower")
    _expect("affine", lower)
    output = None
    if model.attrs["has_upper"]:
        output = model.get_ref("upper")
        _expect("linear", output)
    if model.attrs["unseen_classes"]:
        raise NotRecognisedError("Some of its labels were added and never trained.")
    return Scoring(
        reduce=_ordered(_array(reduce, "W"), (1, 0)),
        reduce_bias=_array(reduce, "b"),
        features=_ordered(_array(lower, "W"), (0, 2, 3, 1)),
        missing=_ordered(_array(lower, "pad")[0], (0, 2, 1)),
        bias=_ordered(_array(lower, "b"), (1, 0)),
        output=None if output is None else _array(output, "W"),
        output_bias=None if output is None else _array(output, "b"),
    )


def _ordered(weights: Floats, axes: tuple[int, ...]) -> Floats:
    """The same weights in another order of axes, and in that order in memory."""
    return np.ascontiguousarray(weights.transpose(axes))


def _array(layer: Any, name: str) -> Floats:
    """A layer's parameter, as its own copy."""
    if not layer.has_param(name):
        raise NotRecognisedError("Its weights are not initialised.")
    weights = np.array(layer.get_param(name), dtype=np.float32, order="C")
    if not np.isfinite(weights).all():
        raise NotRecognisedError("Some of its weights are no finite numbers.")
    return weights


def _flat(layer: Any) -> Iterator[Any]:
    """The layers of a chain in order, without those that only matter in training."""
    if _kind(layer) == "chain":
        for inner in layer.layers:
            yield from _flat(inner)
    elif _kind(layer) != "dropout":
        yield layer


def _kind(layer: Any) -> str:
    """What a layer computes, by the module whose names its function sees: a wrapper cannot borrow that."""
    function = getattr(layer, "_func", None)
    known = getattr(function, "__qualname__", "") == "forward"
    home = getattr(function, "__globals__", {}).get("__name__", "")
    kind = KINDS.get(home) if known else None
    return kind or f"unknown ({layer.name})"


def _expect(kind: str, layer: Any) -> None:
    if _kind(layer) != kind:
        raise NotRecognisedError(f"It has the layer {layer.name!r} where {kind} is expected.")


def _check_ops(model: Any) -> None:
    if model.ops.device_type != "cpu":
        raise NotRecognisedError("It computes on a graphics card.")
