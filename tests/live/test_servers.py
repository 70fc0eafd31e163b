"""The servers that can run the apps: all of them serve, listen where they should, and end when told to."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.live.running import ONLY_SENTIMENT, TEXT, Server, eventually, gone, running
from tests.live.wire import dialled, head, read_answer, read_to_end

GOOD = {"text": "I love it."}
QUICK_DRAIN = {"TEXTMILL_SERVER__DRAIN_GRACE_SECONDS": "0.1"}


@pytest.fixture(scope="module")
def granian(framework: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The framework on granian."""
    folder = tmp_path_factory.mktemp("granian")
    with running(folder, framework, "--server", "granian") as server:
        server.wait_until_ready()
        yield server


def test_granian_serves_both_models(granian: Server) -> None:
    """The same answers as from the default servers."""
    assert (200, {"sentiment": "positive"}) == granian.post("/predict", GOOD)
    status, body = granian.post("/ner", {"text": TEXT})
    assert (200, ["PERSON", "ORG", "GPE"]) == (status, [entity["label"] for entity in body["entities"]])


def test_granian_answers_head_without_a_body(granian: Server) -> None:
    """The status and headers of GET, and then the end."""
    with dialled(granian) as connection:
        connection.sendall(head("HEAD", "/health/ready", "Connection: close"))
        answer = read_to_end(connection)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\n")
    assert 1 == answer.count(b"\r\n\r\n")


def serving(server: Server) -> set[int]:
    """Which processes hold the server's end of an open connection."""
    found = set()
    for process in server.family():
        with contextlib.suppress(psutil.Error):
            ends = process.net_connections("tcp4")
            if any(end.laddr.port == server.port and end.status == "ESTABLISHED" for end in ends):
                found.add(process.pid)
    return found


def ask_at_once(server: Server, calls: int) -> set[int]:
    """Send some calls at the same time on connections that stay, and tell which processes have them."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(dialled(server)) for _ in range(calls)]
        for connection in connections:
            connection.sendall(head("GET", "/health/live"))
        assert [200] * calls == [read_answer(connection)[0] for connection in connections]
        return serving(server)


def test_two_workers_serve_and_end_together(framework: str, tmp_path: Path) -> None:
    """`--workers 2`: calls reach two processes that share memory; SIGTERM to the first ends all of them."""
    with running(tmp_path, framework, "--workers", "2", *ONLY_SENTIMENT, settings=QUICK_DRAIN) as server:
        server.wait_until_ready()
        assert eventually(lambda: len(ask_at_once(server, 32)) == 2, 20), server.output
        family = server.family()
        for worker in family[1:]:
            memory = worker.memory_full_info()
            assert memory.uss < 0.4 * memory.rss, "a worker shares most of its memory with the others"
        os.kill(server.process.pid, signal.SIGTERM)
        server.wait_until_gone(15)
        assert eventually(lambda: gone(family), 5), server.output
        assert "Traceback" not in server.output, server.output


@pytest.mark.parametrize("flags", [(), ("--server", "granian")], ids=["default", "granian"])
def test_ctrl_c_ends_the_server_quickly(framework: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    """SIGINT to the whole group, as a terminal sends it: no traceback, no process left, within seconds."""
    with running(tmp_path, framework, *flags, *ONLY_SENTIMENT) as server:
        server.wait_until_ready()
        family = server.family()
        assert 200 == server.post("/predict", GOOD)[0]
        started = time.monotonic()
        os.killpg(server.process.pid, signal.SIGINT)
        server.wait_until_gone(15)
        assert time.monotonic() - started < 5
        assert eventually(lambda: gone(family), 5), server.output
        assert "Traceback" not in server.output, server.output


def test_a_taken_port_is_told_before_anything_is_loaded(server: Server, framework: str) -> None:
    """Exit code 2, and what to do."""
    words = [sys.executable, "-m", "textmill", "serve", "--framework", framework, "--port", str(server.port)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert 2 == ended.returncode
    assert f"Cannot listen on 127.0.0.1:{server.port}" in ended.stderr
    assert "--port" in ended.stderr
    assert "Traceback" not in ended.stderr
