"""The process that computes entities dies or hangs: it is replaced, and what was accepted is answered."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import psutil
import pytest

from tests.live.conftest import FRAMEWORKS, NARROW
from tests.live.running import PAUSE, TEXT, Server, eventually, running

CALLS = 6
APART = NARROW | {
    "TEXTMILL_MODELS__ENTITIES__PATH": "en_core_web_sm",
    "TEXTMILL_MODELS__ENTITIES__EXECUTOR": "process",
    "TEXTMILL_MODELS__ENTITIES__RUNTIME": "native",
}
"""Entities in a process of their own, as they are for models that are slow."""
RIGHT = ["Tim Cook", "Apple", "Berlin"]


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """The servers of this module; they start side by side."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(running(tmp_path_factory.mktemp(name), name, settings=APART))
            for name in FRAMEWORKS
        }


@pytest.fixture
def server(framework: str, apart: dict[str, Server]) -> Server:
    """The framework's server, ready."""
    apart[framework].wait_until_ready()
    return apart[framework]


def in_flight(server: Server, pool: ThreadPoolExecutor) -> list[Future[tuple[int, Any]]]:
    """Calls whose worker was stopped before they were sent, so none of them can be answered yet."""
    server.engine_worker().send_signal(signal.SIGSTOP)
    calls = [pool.submit(server.post, "/ner", {"text": TEXT}) for _ in range(CALLS)]
    assert eventually(lambda: connections(server) >= CALLS, 10)
    return calls


def connections(server: Server) -> int:
    """How many connections the server has open."""
    found = psutil.net_connections("tcp4")
    return sum(
        each.laddr.port == server.port and each.status == "ESTABLISHED" for each in found if each.laddr
    )


def seen_while_recovering(server: Server) -> list[tuple[int, Any, int]]:
    """Readiness and liveness, from the moment on which readiness fails until it passes again."""
    seen: list[tuple[int, Any, int]] = []

    def over() -> bool:
        status, body = server.get("/health/ready")
        seen.append((status, body, server.get("/health/live")[0]))
        return status == 200 and 503 in {status for status, *_ in seen}

    assert eventually(over, 60), server.output
    return seen


def texts(answer: tuple[int, Any]) -> list[str]:
    """The entities of a good answer."""
    status, body = answer
    assert 200 == status, body
    return [entity["text"] for entity in body["entities"]]


def test_a_killed_worker_is_replaced_and_no_accepted_call_is_lost(server: Server) -> None:
    """Readiness fails as "recovering" and passes again; liveness always passes; every call is answered."""
    killed = server.engine_worker()
    with ThreadPoolExecutor(CALLS) as pool:
        calls = in_flight(server, pool)
        killed.send_signal(signal.SIGKILL)
        seen = seen_while_recovering(server)
        assert [RIGHT] * CALLS == [texts(call.result(timeout=60)) for call in calls]
    assert {"recovering"} == {body["models"]["entities"] for status, body, _ in seen if status == 503}
    assert {200} == {live for *_, live in seen}
    assert killed.pid != server.engine_worker().pid


def test_a_worker_that_hangs_is_replaced(server: Server) -> None:
    """After `engine.stuck_seconds` its process is stopped, another one answers, and liveness passes again."""
    stopped = server.engine_worker()
    with ThreadPoolExecutor(CALLS) as pool:
        calls = in_flight(server, pool)
        assert [RIGHT] * CALLS == [texts(call.result(timeout=60)) for call in calls]
    assert not psutil.pid_exists(stopped.pid)
    assert (200, 200) == (server.get("/health/live")[0], server.get("/health/ready")[0])
    assert "was silent for 3 s and was stopped" in server.output


@pytest.mark.timeout(90)
def test_a_worker_killed_in_the_middle_of_its_work_loses_nothing(server: Server) -> None:
    """Not only with a stopped worker: while it computes, and more than once."""
    text = f"{TEXT} " * 40
    for _ in range(2):
        server.wait_until_ready()
        with ThreadPoolExecutor(CALLS) as pool:
            calls = [pool.submit(server.post, "/ner", {"text": text}) for _ in range(CALLS)]
            worker = server.engine_worker()
            busy = worker.cpu_times().user
            assert eventually(lambda: worker.cpu_times().user > busy + PAUSE, 10)  # noqa: B023 - called at once
            worker.kill()
            assert [RIGHT * 40] * CALLS == [texts(call.result(timeout=60)) for call in calls]
