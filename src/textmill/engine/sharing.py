"""Load models once, before a server forks its workers, so that all of them use the same memory."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from textmill.engine.lane import LaneOptions
from textmill.engine.memory import freeze
from textmill.engine.placement import Placed, check_golden, place
from textmill.errors import EngineError, ModelError
from textmill.runtimes.base import ModelSpec

logger = logging.getLogger(__name__)

SELF_TEST_SECONDS = 10.0
"""How long a forked model may take to answer its probes; some libraries hang for ever in a fork."""


def load_shared(models: Mapping[str, tuple[ModelSpec, LaneOptions]]) -> dict[str, Placed]:
    """The models that compute in their server's own process, loaded; call it before any thread is started.

    What cannot be loaded is left to the workers, which report it.
    """
    shared: dict[str, Placed] = {}
    for name, (spec, options) in models.items():
        try:
            placed = place(spec, options.place, stuck_seconds=options.stuck_seconds)
        except (ModelError, EngineError):
            continue
        if placed.place == "process":
            placed.executor.close()
        else:
            shared[name] = placed
    freeze()
    return shared


def adopt(placed: Placed, spec: ModelSpec, options: LaneOptions) -> Placed:
    """A shared model in a forked worker, or one of its own where the shared one does not work here."""
    if _answers(placed):
        return placed
    logger.warning("The model %r does not work in a forked process; it gets one of its own.", spec.name)
    return place(spec, "process", stuck_seconds=options.stuck_seconds)


def _answers(placed: Placed) -> bool:
    """Whether a shared model gives its old answers in this process, in time."""
    found: list[bool] = []

    def ask() -> None:
        try:
            check_golden(placed.executor, placed.golden)
        except Exception:
            logger.exception("The shared model failed its self-test.")
            return
        found.append(True)

    test = threading.Thread(target=ask, name="textmill-self-test", daemon=True)
    test.start()
    test.join(SELF_TEST_SECONDS)
    return bool(found)
