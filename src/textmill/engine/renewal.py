"""Replace a worker process that has grown, without a pause.

spaCy's memory zones give back what texts bring in, but the hash tables below them keep a place for every word
they ever held (preshed 3.0: a table doubles, and never shrinks). A fresh worker begins with small ones.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from textmill.engine.executors import Executor, WorkerLostError
from textmill.engine.placement import check_golden
from textmill.errors import ModelError
from textmill.runtimes.base import Result

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often to look at a worker's memory."""
SETTLING = 5
"""Looks until a new worker counts as settled."""
MINIMUM = 16_000_000
"""Bytes of growth that are never worth a new process."""
REST = 30
"""Looks between two replacements, so that huge texts cannot keep a machine busy with loading."""


class Growth:
    """Decides from a worker's resident bytes, looked at again and again, when it should be replaced.

    Args:
        share: by how much it may grow over its settled size.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._looks = 0
        self._settled = 0

    def exceeded(self, resident: int) -> bool:
        """Take one more look; whether the growth is too much."""
        self._looks += 1
        if self._looks <= SETTLING:
            self._settled = max(self._settled, resident)
            return False
        grown = resident - self._settled
        return self._looks > REST and grown > max(self._share * self._settled, MINIMUM)


class Successor:
    """A worker that loads in the background while the old one goes on."""

    def __init__(self, executor: Executor, golden: Sequence[Result]) -> None:
        self._executor = executor
        self._golden = golden
        self._good = False
        self._thread = threading.Thread(target=self._load, name="textmill-successor", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether loading has ended, well or not."""
        return not self._thread.is_alive()

    def take(self) -> Executor | None:
        """The new worker once `done`, or None when it could not be loaded."""
        return self._executor if self._good else None

    def close(self) -> None:
        """It is not wanted any more."""
        self._executor.close()

    def _load(self) -> None:
        try:
            self._executor.load()
            check_golden(self._executor, self._golden)
        except (ModelError, WorkerLostError) as error:
            logger.warning("A worker could not be renewed, and the old one goes on: %s", error)
            self._executor.close()
        else:
            self._good = True
