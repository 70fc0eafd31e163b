"""The engine: one lane for each model."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial

from textmill.engine.calls import Outcome
from textmill.engine.events import Listener, ignore
from textmill.engine.lane import Lane, LaneOptions, place_by_measure
from textmill.engine.placement import Placed
from textmill.engine.sharing import adopt
from textmill.runtimes.base import ModelSpec


class Engine:
    """Takes texts for named models and answers with futures.

    Args:
        models: what to serve, and how.
        shared: models that were loaded before this process was forked.
    """

    def __init__(
        self,
        models: Mapping[str, tuple[ModelSpec, LaneOptions]],
        *,
        clock: Callable[[], float] = time.monotonic,
        listener: Listener = ignore,
        shared: Mapping[str, Placed] | None = None,
    ) -> None:
        self.clock = clock
        self.lanes: Mapping[str, Lane] = {
            name: Lane(spec, options, clock=clock, listener=listener, load=_loading((shared or {}).get(name)))
            for name, (spec, options) in sorted(models.items())
        }

    def start(self) -> None:
        """Begin to load all models, and return at once."""
        for lane in self.lanes.values():
            lane.start()

    def compute_now(
        self, model: str, texts: Sequence[str], *, explain: bool = False
    ) -> Sequence[Outcome] | None:
        """The answers at once, computed in this thread, where that costs less than to wait for them.

        Raises:
            KeyError: there is no such model.
        """
        return self.lanes[model].compute_now(texts, explain=explain)

    def submit(
        self, model: str, texts: Sequence[str], deadline: float, *, explain: bool = False
    ) -> Future[list[Outcome]]:
        """Accept texts for a model, or raise at once.

        Args:
            model: one of `lanes`.
            texts: at least one.
            deadline: when the answer becomes worthless, on `clock`.
            explain: with reasons; only for models whose `info.explains`.

        Raises:
            KeyError: there is no such model.
            ModelNotReadyError, OverloadedError, ShuttingDownError: nothing was accepted.
        """
        return self.lanes[model].submit(texts, deadline, explain=explain)

    def stuck(self) -> list[str]:
        """The models whose work has stopped moving; a live engine has none."""
        return [name for name, lane in self.lanes.items() if lane.stuck()]

    def ready(self) -> bool:
        """Whether every model is ready."""
        return all(lane.state == "ready" for lane in self.lanes.values())

    def close(self, patience: float) -> None:
        """Finish what was accepted, for at most `patience` seconds, then stop everything."""
        until = self.clock() + patience
        for lane in self.lanes.values():  # they all go on computing while one is waited for
            lane.close(max(0.0, until - self.clock()))


def _loading(shared: Placed | None) -> Callable[[ModelSpec, LaneOptions], Placed]:
    """How a lane comes to its model."""
    return place_by_measure if shared is None else partial(adopt, shared)
