"""Where a model computes: in this process, or in a child that can be killed and replaced."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from textmill.engine.wire import Failed, Loaded, Raised, Ran, Run
from textmill.errors import EngineError, ModelError, TextmillError
from textmill.runtimes.base import ModelInfo, ModelSpec, Result, Runtime, answer
from textmill.runtimes.registry import load


class WorkerLostError(EngineError):
    """The process that computes died, or was killed because it was stuck."""

    code = "worker-lost"


class BatchError(EngineError):
    """The model raised on a batch; holds the type of the exception, never its message."""


class Executor(Protocol):
    """Computes batches, one at a time."""

    def load(self) -> ModelInfo:
        """Load the model (again). Blocks; raises ModelError when it cannot be served."""
        ...

    def run(self, texts: Sequence[str], *, explain: bool = False) -> Sequence[Result]:
        """Compute a batch. Raises BatchError, or WorkerLostError when the worker is gone."""
        ...

    def alive(self) -> bool:
        """Whether `run` has a chance."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...

    def resident(self) -> int | None:
        """Bytes in memory of the worker's own process; None where it has none, or they are not known."""
        ...

    def twin(self) -> Executor:
        """Another one for the same model, not loaded yet."""
        ...


class LocalExecutor:
    """Computes in the calling thread; one at a time, unless the runtime can do more."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self._runtime: Runtime | None = None
        self._turn: AbstractContextManager[Any] = threading.Lock()

    def load(self) -> ModelInfo:
        try:
            self._runtime = load(self._spec)
        except TextmillError as error:
            raise ModelError(str(error)) from error
        except Exception as error:  # a library may raise anything on a damaged file
            raise ModelError(f"Loading failed with {type(error).__name__}: {error}") from error
        if self._runtime.concurrent:
            self._turn = nullcontext()
        return self._runtime.info

    def run(self, texts: Sequence[str], *, explain: bool = False) -> Sequence[Result]:
        runtime = self._runtime
        if runtime is None:
            raise WorkerLostError("The model is not loaded.")
        try:
            with self._turn:
                return answer(runtime, texts, explain=explain)
        except Exception as error:  # whatever a model raises must not end the engine's loop
            raise BatchError(type(error).__name__) from error

    def alive(self) -> bool:
        return self._runtime is not None

    def close(self) -> None:
        self._runtime = None

    def resident(self) -> None:
        return None

    def twin(self) -> LocalExecutor:
        return LocalExecutor(self._spec)


def _environment() -> dict[str, str]:
    """What a child needs; our settings are not among it, since they hold secrets."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TEXTMILL_")}
    return kept | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


class ProcessExecutor:
    """Computes in a child process, reached over a socket pair.

    The child is a fresh interpreter, not a fork: forked native thread pools can hang, and a fresh one
    does not import the host's main module again. It ends by itself when this process is gone.
    """

    def __init__(self, spec: ModelSpec, *, stuck_seconds: float) -> None:
        self._spec = spec
        self._stuck_seconds = stuck_seconds
        self._child: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id, while it has one."""
        return self._child.pid if self._child else None

    def load(self) -> ModelInfo:
        self.close()
        self._start()
        reply = self._ask(self._spec, patience=None)
        if isinstance(reply, Failed):
            self.close()
            raise ModelError(reply.message)
        if not isinstance(reply, Loaded):
            raise self._lost(f"it answered {type(reply).__name__} when asked to load")
        return reply.info

    def run(self, texts: Sequence[str], *, explain: bool = False) -> Sequence[Result]:
        reply = self._ask(Run(list(texts), explain), patience=self._stuck_seconds)
        if isinstance(reply, Raised):
            raise BatchError(reply.error)
        if not isinstance(reply, Ran):
            raise self._lost(f"it answered {type(reply).__name__} when asked to compute")
        return reply.results

    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None

    def resident(self) -> int | None:
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1]
        except (OSError, IndexError):  # gone, or no Linux
            return None
        return int(pages) * resource.getpagesize()

    def twin(self) -> ProcessExecutor:
        return ProcessExecutor(self._spec, stuck_seconds=self._stuck_seconds)

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            descriptor = theirs.fileno()
            self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
                [sys.executable, "-m", "textmill.engine.worker", str(descriptor)],
                pass_fds=(descriptor,),
                stdin=subprocess.DEVNULL,
                env=_environment(),
            )
        self._connection = Connection(ours.detach())

    def _ask(self, message: object, *, patience: float | None) -> object:
        """Send a message and wait for the reply; a silent child is killed after `patience` seconds."""
        if self._connection is None:
            raise WorkerLostError("The worker process is not running.")
        started = time.monotonic()
        try:
            self._connection.send(message)
            if self._connection.poll(patience):
                return self._connection.recv()
        except (EOFError, OSError):
            raise self._lost("it died") from None
        raise self._lost(f"it was silent for {time.monotonic() - started:.0f} s and was stopped")

    def _lost(self, why: str) -> WorkerLostError:
        """Clean up, and describe the loss."""
        pid = self.pid
        self.close()
        return WorkerLostError(f"The worker process {pid} of model {self._spec.name!r} was lost: {why}.")
