"""spaCy's greedy transition system for entities (BILUO), in numpy.

Outside an entity the next action depends on the word alone, so all words are scored at once. Inside, it
depends on where the entity began: all that could begin somewhere are followed together, a word at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from textmill.runtimes.base import NotRecognisedError
from textmill.runtimes.convolutional.encoder import highest
from textmill.runtimes.convolutional.layers import Floats, Scoring

Flags: TypeAlias = NDArray[np.bool_]
Positions: TypeAlias = NDArray[np.intp]
Found: TypeAlias = tuple[int, int, str]
"""An entity: its first row, the row after its last, and its label."""

FEW, MANY = 3, 6
"""How many words a state looks at: the next one, the entity's first and its last; or its first five."""
TOGETHER = 8
"""Words that possible entities are followed for before it is known whether they begin at all."""


@dataclass(frozen=True, slots=True)
class Actions:
    """Which column of the scores is which action.

    Attributes:
        closed: the columns that are allowed outside an entity, in the model's order.
        begins, out: among the closed ones, those that begin a longer entity, and the one that does nothing.
        labels: the label of each closed action.
        inside, last: for each closed action that begins an entity, the columns that go on and that end it.
    """

    closed: Positions
    begins: Flags
    out: int
    labels: tuple[str, ...]
    inside: Positions
    last: Positions


def read_actions(names: Sequence[str]) -> Actions:
    """Sort out the actions of a recogniser.

    Args:
        names: as `B-ORG` or `O`, in the order of the scores.

    Raises:
        NotRecognisedError: a label cannot be ended, or an action is unknown.
    """
    columns = {name: column for column, name in enumerate(names)}
    closed = [name for name in names if name == "O" or (name[:2] in {"B-", "U-"} and name != "U-")]
    opened = {f"{move}-{name[2:]}" for name in closed if name[:2] == "B-" for move in "IL"}
    if "O" not in columns or len(columns) != len(names) or set(names) - {"U-"} != set(closed) | opened:
        raise NotRecognisedError("Its actions are not those of a recogniser: some are missing or unknown.")
    if any(columns["I-" + name[2:]] > columns["L-" + name[2:]] for name in closed if name[:2] == "B-"):
        raise NotRecognisedError("Its actions have an unknown order.")
    begins = [name[:2] == "B-" for name in closed]
    return Actions(
        closed=np.array([columns[name] for name in closed]),
        begins=np.array(begins),
        out=closed.index("O"),
        labels=tuple(name[2:] for name in closed),
        inside=np.array([columns.get("I-" + name[2:], 0) if name[0] == "B" else 0 for name in closed]),
        last=np.array([columns.get("L-" + name[2:], 0) if name[0] == "B" else 0 for name in closed]),
    )


class Decoder:
    """Finds the entities in encoded rows."""

    def __init__(self, scoring: Scoring, actions: Actions) -> None:
        self._slots = len(scoring.features)
        if self._slots not in {FEW, MANY}:
            raise NotRecognisedError(f"Its states look at {self._slots} words.")
        self._scoring = scoring
        self._actions = actions
        self._outside = (scoring.missing[1:].sum(axis=0) + scoring.bias)[:, None]
        if scoring.output is not None and scoring.output_bias is not None:
            self._output = np.ascontiguousarray(scoring.output[actions.closed].T)
            self._output_bias = scoring.output_bias[actions.closed]

    def __call__(self, encoded: Floats, barred: Flags, last: Flags) -> list[Found]:
        """The entities, in order.

        Args:
            encoded: one row for each word; rows between texts are allowed where `barred`.
            barred: rows where no entity begins: white space, and rows between texts.
            last: the last row of each text.
        """
        features = self.reduce(encoded) @ self._scoring.features
        chosen = self._choose(features, barred, last)
        starts = np.flatnonzero(chosen != self._actions.out)
        begun = starts[self._actions.begins[chosen[starts]]]
        following = Following(self, features, last, chosen)
        return list(self._disjoint(starts, chosen, dict(following.ends(begun, TOGETHER)), following))

    def reduce(self, encoded: Floats) -> Floats:
        """What the actions see of each row."""
        return encoded @ self._scoring.reduce + self._scoring.reduce_bias

    def _choose(self, features: Floats, barred: Flags, last: Flags) -> Positions:
        """The best action of each row, were no entity open."""
        hidden = highest(features[0] + self._outside)
        if self._scoring.output is None:
            scores = hidden[:, self._actions.closed]
        else:
            scores = hidden @ self._output + self._output_bias
        scores[np.ix_(last, self._actions.begins)] = -np.inf
        chosen: Positions = scores.argmax(axis=1)
        chosen[barred] = self._actions.out
        return chosen

    def _disjoint(
        self, starts: Positions, chosen: Positions, ends: dict[int, int], following: Following
    ) -> Iterator[Found]:
        """Walk through the rows as spaCy does: what begins inside an entity does not begin at all."""
        free = 0
        for start, action in zip(starts.tolist(), chosen[starts].tolist(), strict=True):
            if start < free:
                continue
            free = start + 1
            if self._actions.begins[action]:
                free = ends.get(start) or following.end(start)
            yield start, free, self._actions.labels[action]

    def goes_on(self, hidden: Floats, actions: Positions) -> Flags:
        """Whether the entity that each of `actions` began goes on after a word."""
        inside, last = self._actions.inside[actions], self._actions.last[actions]
        output, bias = self._scoring.output, self._scoring.output_bias
        if output is None or bias is None:
            each = np.arange(len(hidden))
            return np.asarray(hidden[each, inside] >= hidden[each, last])
        stay = np.einsum("ij,ij->i", hidden, output[inside]) + bias[inside]
        stop = np.einsum("ij,ij->i", hidden, output[last]) + bias[last]
        return np.asarray(stay >= stop)

    def hidden(self, features: Floats, starts: Positions, at: Positions) -> Floats:
        """The hidden layer at some words, within entities that began at `starts`."""
        state = features[0][:, at]
        if self._slots == FEW:
            state += features[1][:, starts]
            state += features[2][:, at - 1]
        else:
            for slot in range(1, self._slots):
                state += self._word(features[slot], slot, starts + slot - 1, at)
        state += self._scoring.bias[:, None]
        return highest(state)

    def _word(self, features: Floats, slot: int, word: Positions, at: Positions) -> Floats:
        """What one of the entity's first words adds to the state, where it lies before the next word."""
        inside = (word < at)[:, None]
        return np.where(inside, features[:, np.minimum(word, at)], self._scoring.missing[slot][:, None])


class Following:
    """Where entities end that begin at given rows of one batch."""

    def __init__(self, decoder: Decoder, features: Floats, last: Flags, chosen: Positions) -> None:
        self._decoder = decoder
        self._features = features
        self._last = last
        self._chosen = chosen

    def ends(self, starts: Positions, steps: int) -> Iterator[tuple[int, int]]:
        """Start and end of each entity that ends within so many words."""
        for step in range(1, steps + 1):
            if not len(starts):
                return
            at = starts + step
            hidden = self._decoder.hidden(self._features, starts, at)
            open_ = self._decoder.goes_on(hidden, self._chosen[starts]) & ~self._last[at]
            yield from zip(starts[~open_].tolist(), (at[~open_] + 1).tolist(), strict=True)
            starts = starts[open_]

    def end(self, start: int) -> int:
        """The end of one entity, however long."""
        return dict(self.ends(np.array([start]), len(self._last)))[start]
