"""Fakes of our own protocols; `tests/unit/engine/test_executors.py` holds them to the real ones' promises."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from textmill.engine.executors import BatchError, WorkerLostError
from textmill.engine.lane import LaneOptions
from textmill.engine.placement import PROBES, Place, Placed
from textmill.engine.policy import Bounds, Pace
from textmill.errors import AuthUnavailableError, CredentialsInvalidError
from textmill.runtimes.base import Explained, ModelInfo, ModelSpec, Result, Scores
from textmill.security.principals import Principal

SPEC = ModelSpec(name="fake", path="fake")
INFO = ModelInfo(
    task="classification",
    labels=("short", "long"),
    library="fake",
    library_version="1",
    digest="sha256:" + "0" * 64,
    runtime="native",
    runtime_reason="it is a fake",
    calibrated=False,
)
BOUNDS = Bounds(queue_items=8, queue_characters=10_000, batch_items=4, batch_characters=10_000)

POISON = "poison"
"""A text that raises, whatever it shares a batch with."""
KILLER = "killer"
"""A text that takes the worker down with it."""


def answer(text: str) -> Scores:
    """What the fake model says of a text."""
    score = 1.0 / (1 + len(text))
    return (score, 1.0 - score)


class FakeExecutor:
    """Computes at once, or when its gate opens; can be killed."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.loads = 0
        self.broken_loads = 0
        self.bytes: int | None = None
        self.looks = 0
        self.twins: list[FakeExecutor] = []
        self._alive = False

    def load(self) -> ModelInfo:
        self.loads += 1
        if self.broken_loads:
            self.broken_loads -= 1
            raise WorkerLostError("The worker died while loading.")
        self._alive = True
        return INFO

    def run(self, texts: Sequence[str], *, explain: bool = False) -> Sequence[Result]:
        if not self._alive:
            raise WorkerLostError("The worker is gone.")
        if list(texts) != list(PROBES):
            self.batches.append(list(texts))
            self.entered.set()
            self.gate.wait(10)
        if KILLER in texts:
            self.kill()
        if not self.alive():
            raise WorkerLostError("The worker died.")
        if POISON in texts:
            raise BatchError("ValueError")
        return [Explained(answer(text), ()) if explain else answer(text) for text in texts]

    def alive(self) -> bool:
        return self._alive

    def close(self) -> None:
        self._alive = False

    def resident(self) -> int | None:
        self.looks += 1
        return self.bytes

    def twin(self) -> FakeExecutor:
        self.twins.append(FakeExecutor())
        return self.twins[-1]

    def kill(self) -> None:
        """What SIGKILL does to a worker process."""
        self._alive = False


def placing(executor: FakeExecutor, place: Place = "thread", seconds: float = 0.0001) -> object:
    """A loader for a lane that puts it on this executor."""

    def load(_spec: ModelSpec, _options: LaneOptions) -> Placed:
        info = executor.load()
        golden = executor.run(PROBES)
        pace = Pace().after(sum(map(len, PROBES)), seconds)
        return Placed(executor, place, info, golden, pace, seconds)

    return load


class FakeVerifier:
    """Knows some credentials by heart; can be in trouble."""

    def __init__(self, prefix: str, known: Mapping[str, Principal]) -> None:
        self.prefix = prefix
        self.known = known
        self.why: str | None = None
        self.running = False

    def takes(self, credential: str) -> bool:
        return credential.startswith(self.prefix)

    def principal(self, credential: str) -> Principal:
        if self.why is not None:
            raise AuthUnavailableError(self.why)
        if credential not in self.known:
            raise CredentialsInvalidError("nobody")
        return self.known[credential]

    def start(self) -> None:
        self.running = True

    def close(self) -> None:
        self.running = False

    def trouble(self) -> str | None:
        return self.why


class FakeHolders:
    """Holders of API keys; `tests/unit/security/test_issuer.py` holds it to `KeyHolders`."""

    def __init__(self, *holders: Principal) -> None:
        self.active = {holder.id: holder for holder in holders}
        self.unavailable = False

    @staticmethod
    def key(holder_id: str) -> str:
        """The whole key of a holder."""
        return f"tm_{holder_id}_secret"

    def takes(self, credential: str) -> bool:
        return credential.startswith("tm_")

    def principal(self, credential: str) -> Principal:
        self._look()
        for holder in self.active.values():
            if credential == self.key(holder.id):
                return holder
        raise CredentialsInvalidError("The credentials are not valid here: unknown, expired or revoked.")

    def is_active(self, key_id: str) -> Principal | None:
        self._look()
        return self.active.get(key_id)

    def start(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    def trouble(self) -> str | None:
        return "The key store cannot be read." if self.unavailable else None

    def _look(self) -> None:
        if self.unavailable:
            raise AuthUnavailableError("The key store cannot be read.", retry_after=3)
