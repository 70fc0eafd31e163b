"""uvicorn's protocol with our short way in it, on real sockets and a real loop; the model is a fake one."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI
from uvicorn import Config
from uvicorn.server import ServerState

from tests.fakes import BOUNDS, SPEC, FakeExecutor, placing
from textmill.engine.engine import Engine
from textmill.engine.lane import Lane, LaneOptions
from textmill.engine.placement import Place
from textmill.service.service import Service
from textmill.settings import Settings
from textmill.web import fastapi
from textmill.web.protocol import MOST_WAITING, PromptProtocol, contract

KEEP_ALIVE = 1
HALF = 0.5
SECONDS = 20
LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
DOCUMENT = LIVE.replace(b"/health/live", b"/openapi.json")
LARGE = LIVE.replace(b"/health/live", b"/docs/swagger-ui-bundle.js")
MORE_THAN_BUFFERS = 12
"""So many megabytes and more no system keeps for a connection."""
OTHER = LIVE.replace(b"Host: x", b"Host: x\r\nX-Other: 1")
"""Not plain: it has a header that is not well known."""


def predict(text: str, *more: bytes) -> bytes:
    """`POST /predict` as bytes."""
    body = json.dumps({"text": text}).encode()
    kind = b"Content-Type: application/json"
    lines = (b"POST /predict HTTP/1.1", b"Host: x", kind, b"Content-Length: %d" % len(body), *more)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@dataclass
class Site:
    """A listening server of protocols, and what is behind it."""

    app: fastapi.ContractApp
    executor: FakeExecutor
    config: Config
    state: ServerState = field(default_factory=ServerState)
    made: list[PromptProtocol] = field(default_factory=list)
    port: int = 0

    def make(self) -> PromptProtocol:
        """The protocol of one more connection."""
        self.made.append(PromptProtocol(self.config, self.state, {}))
        return self.made[-1]

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Site]:
        """For as long as the block runs."""
        server = await asyncio.get_running_loop().create_server(self.make, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for each in list(self.state.connections):
                each.transport.abort()

    @contextlib.asynccontextmanager
    async def dialled(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection to it."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.close()


@contextlib.contextmanager
def site(place: Place = "inline", **groups: Any) -> Iterator[Site]:
    """A service with one fake model, ready."""
    executor = FakeExecutor()
    lane = Lane(SPEC, LaneOptions(BOUNDS), load=placing(executor, place))  # type: ignore[arg-type]  # a fake
    engine = Engine({})
    engine.lanes = {"fake": lane}
    service = Service(Settings.load(**groups), engine)
    service.start()
    app = fastapi.ContractApp(service)
    try:
        config = Config(app, access_log=False, server_header=False, proxy_headers=False)
        config.timeout_keep_alive = KEEP_ALIVE
        config.load()
        while lane.state == "loading":
            lane._thread.join(0.01)
        yield Site(app, executor, config)
    finally:
        executor.gate.set()
        engine.close(SECONDS)


async def read(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """One answer."""
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)).decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in head[1:-2])
    return int(head[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def until(happened: Callable[[], object]) -> None:
    """Let the loop turn until something has become true."""
    for _ in range(100_000):
        if happened():
            return
        await asyncio.sleep(0)
    raise TimeoutError


async def entered(executor: FakeExecutor) -> None:
    """Until the model computes."""
    await asyncio.to_thread(executor.entered.wait, SECONDS)


def test_a_plain_request_does_not_pass_through_uvicorn() -> None:
    """One that is not plain does, and both may follow each other on one connection."""

    async def main(place: Site) -> None:
        async with place.listening(), place.dialled() as (reader, writer):
            for request, cycles in ((predict("a"), 0), (LIVE, 0), (OTHER, 1), (LIVE, 1), (OTHER, 2)):
                writer.write(request)
                assert 200 == (await read(reader))[0]
                seen.append(place.made[0].cycle)
                assert cycles == len({id(cycle) for cycle in seen if cycle is not None})
        assert 5 == place.state.total_requests

    seen: list[object] = []
    with site() as place:
        asyncio.run(main(place))


def test_an_extended_app_answers_all_requests_itself() -> None:
    """A route of the host's comes first, and what it adds while it runs is seen at once."""

    async def main(place: Site) -> None:
        async with place.listening(), place.dialled() as (reader, writer):
            writer.write(LIVE)
            assert b"pass" in (await read(reader))[2]
            place.app.get("/health/live")(lambda: "mine")
            writer.write(LIVE)
            assert b'"mine"' == (await read(reader))[2]

    with site() as place:
        asyncio.run(main(place))


def test_only_the_bare_app_on_a_plain_server_has_a_short_way() -> None:
    """Not another app, and not where uvicorn was told to limit, to log or to add headers."""
    with site() as place:
        assert place.app is contract(place.config)
        for options in (
            {"limit_concurrency": 5},
            {"access_log": True},
            {"headers": [("a", "b")]},
            {"date_header": False},
            {"proxy_headers": True},
        ):
            usual = {"access_log": False, "server_header": False, "proxy_headers": False}
            config = Config(place.app, **(usual | options))
            config.load()
            assert contract(config) is None, options
    other = Config(FastAPI(), access_log=False, server_header=False, proxy_headers=False)
    other.load()
    assert contract(other) is None


@pytest.mark.parametrize("place", ["inline", "thread"])
def test_requests_in_one_packet_are_answered_in_their_order(place: Place) -> None:
    """Also behind a plain one that waits, and when they are plain and not plain in turn."""

    async def main(here: Site) -> None:
        async with here.listening(), here.dialled() as (reader, writer):
            writer.write(predict("a"))
            await entered(here.executor)
            for request in (predict("b"), LIVE, OTHER, predict("c" * 50), LIVE):
                writer.write(request)
            await writer.drain()
            here.executor.gate.set()
            bodies = [(await read(reader))[2] for _ in range(6)]
        expected = [b"short", b"short", b"pass", b"pass", b"long", b"pass"]
        assert all(part in body for part, body in zip(expected, bodies, strict=True)), bodies

    with site(place) as here:
        if place == "thread":
            here.executor.gate.clear()
        asyncio.run(main(here))


def test_a_request_in_pieces_is_read_by_uvicorn() -> None:
    """Wherever it is cut."""

    async def main(place: Site) -> None:
        request = predict("a")
        async with place.listening(), place.dialled() as (reader, writer):
            for cut in (1, 20, len(request) - 30, len(request) - 1):
                writer.write(request[:cut])
                await writer.drain()
                await until(lambda: place.made and place.made[0]._reading)
                writer.write(request[cut:])
                assert 200 == (await read(reader))[0]

    with site() as place:
        asyncio.run(main(place))


def test_what_nobody_waits_for_is_not_computed() -> None:
    """A connection that closes takes its waiting call with it."""

    async def main(place: Site) -> None:
        async with place.listening(), place.dialled() as (reader, writer):
            writer.write(predict("first"))
            await entered(place.executor)
            async with place.dialled() as (_, leaving):
                leaving.write(predict("left"))
                await until(lambda: place.app.service.engine.lanes["fake"]._queue)
            await until(lambda: len(place.state.connections) == 1)
            place.executor.gate.set()
            assert 200 == (await read(reader))[0]
            writer.write(predict("last"))
            assert 200 == (await read(reader))[0]

    with site("thread") as place:
        place.executor.gate.clear()
        asyncio.run(main(place))
        assert [["first"], ["last"]] == place.executor.batches


def test_patience_ends() -> None:
    """An answer that is not there in time is a problem; the connection goes on."""

    async def main(place: Site) -> None:
        async with place.listening(), place.dialled() as (reader, writer):
            writer.write(predict("a", b"X-Request-Timeout: 0.05"))
            status, headers, body = await read(reader)
            assert (504, "deadline-exceeded") == (status, json.loads(body)["code"]), headers
            place.executor.gate.set()
            writer.write(predict("b"))
            assert 200 == (await read(reader))[0]

    with site("thread") as place:
        place.executor.gate.clear()
        asyncio.run(main(place))


def test_a_shutdown_lets_a_waiting_answer_go_out() -> None:
    """It says that it is the last one, and then the connection ends; an idle one ends at once."""

    async def main(place: Site) -> None:
        async with place.listening(), place.dialled() as (idle, writer), place.dialled() as (reader, asking):
            writer.write(LIVE)
            assert 200 == (await read(idle))[0]
            asking.write(predict("a"))
            await entered(place.executor)
            for each in list(place.state.connections):
                each.shutdown()
            assert b"" == await asyncio.wait_for(idle.read(), SECONDS)
            place.executor.gate.set()
            status, headers, _ = await read(reader)
            assert (200, "close") == (status, headers["connection"])
            assert b"" == await asyncio.wait_for(reader.read(), SECONDS)

    with site("thread") as place:
        place.executor.gate.clear()
        asyncio.run(main(place))


def test_a_draining_server_ends_its_connections() -> None:
    """With the next answer."""

    async def main(place: Site) -> None:
        async with place.listening(), place.dialled() as (reader, writer):
            place.app.service.begin_drain()
            writer.write(LIVE + LIVE)
            assert "close" == (await read(reader))[1]["connection"]
            assert b"" == await asyncio.wait_for(reader.read(), SECONDS)

    with site() as place:
        asyncio.run(main(place))


def test_a_reader_that_does_not_read_is_not_read_from() -> None:
    """The server holds a few answers for it, not as many as it asks for; later it gets them all."""

    async def main(place: Site) -> None:
        async with place.listening(), place.dialled() as (reader, writer):

            async def ask() -> None:
                asked = place.state.total_requests + 1
                writer.write(DOCUMENT)
                await until(lambda: place.state.total_requests == asked)

            await ask()
            (made,) = place.made
            while not made._stalled:
                await ask()
            writer.write(DOCUMENT * 50)
            await until(lambda: made.flow.read_paused)
            held = made.transport.get_write_buffer_size()
            answers = [await read(reader) for _ in range(place.state.total_requests + 50)]
        assert {200} == {status for status, _, _ in answers}
        assert held < 65536 + 2 * len(answers[0][2])

    with site() as place:
        asyncio.run(main(place))


def test_only_so_many_requests_wait_on_a_connection() -> None:
    """A flood of them is refused where it comes to be one, and the connection ends."""

    async def main(place: Site) -> None:
        async with place.listening(), place.dialled() as (reader, writer):
            writer.write(LIVE * (MOST_WAITING + 1))
            assert {200} == {(await read(reader))[0] for _ in range(MOST_WAITING + 1)}
            writer.write(LIVE * 5000)
            with contextlib.suppress(ConnectionError):
                answers = await asyncio.wait_for(reader.read(), SECONDS)
                assert b"HTTP/1.1 400 " in answers
            assert len(place.made[0].pipeline) <= MOST_WAITING

    with site() as place:
        asyncio.run(main(place))


def test_what_stands_behind_an_upgrade_is_never_taken_for_a_request(caplog: pytest.LogCaptureFixture) -> None:
    """The server speaks no other protocol; it answers once, and the connection ends."""
    upgrade = LIVE.replace(b"Host: x", b"Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket")
    caplog.set_level(0)

    async def main(place: Site) -> None:
        async with place.listening(), place.dialled() as (reader, writer):
            writer.write(upgrade + LIVE)
            answers = await asyncio.wait_for(reader.read(), SECONDS)
            assert 1 == answers.count(b"HTTP/1.1 ")
            assert answers.startswith(b"HTTP/1.1 200 ")

    with site() as place:
        asyncio.run(main(place))
    assert "pgrade" not in caplog.text


@pytest.mark.parametrize("request_", [LARGE, LARGE.replace(b"Host: x", b"Host: x\r\nX-Other: 1")])
def test_a_reader_that_never_reads_is_not_waited_for(request_: bytes) -> None:
    """Whether the answers were ours or uvicorn's."""

    async def main(place: Site) -> None:
        loop = asyncio.get_running_loop()
        async with place.listening(), place.dialled() as (reader, writer):
            reader._transport.pause_reading()  # type: ignore[attr-defined]  # else it would read ahead
            await until(lambda: place.made)
            (made,) = place.made
            async with asyncio.timeout(SECONDS):
                for asked in range(1, MORE_THAN_BUFFERS):
                    writer.write(request_)
                    await until(lambda asked=asked: place.state.total_requests == asked or made._unread)  # type: ignore[misc]  # mypy knows no defaults of lambdas
                assert made._unread is not None
                begun = loop.time()
                while place.state.connections:  # noqa: ASYNC110 - its end sets no event
                    await asyncio.sleep(HALF / 10)
            assert HALF / 2 < loop.time() - begun < HALF + 5

    with site(limits={"reply_seconds": HALF}) as place:
        asyncio.run(main(place))


def test_a_connection_ends_when_it_was_idle_for_long() -> None:
    """Counted from its last answer, not from its first."""

    async def main(place: Site) -> None:
        loop = asyncio.get_running_loop()
        async with place.listening(), place.dialled() as (reader, writer):
            writer.write(LIVE)
            await read(reader)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), KEEP_ALIVE * HALF)
            writer.write(LIVE)
            await read(reader)
            last = loop.time()
            assert b"" == await asyncio.wait_for(reader.read(), SECONDS)
            assert KEEP_ALIVE - 0.05 <= loop.time() - last < KEEP_ALIVE + 5

    with site() as place:
        asyncio.run(main(place))


def test_a_waiting_connection_is_not_idle() -> None:
    """However long the model takes."""

    async def main(place: Site) -> None:
        async with place.listening(), place.dialled() as (reader, writer):
            writer.write(LIVE)
            await read(reader)
            writer.write(predict("a"))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), KEEP_ALIVE * (1 + HALF))
            place.executor.gate.set()
            assert 200 == (await read(reader))[0]

    with site("thread") as place:
        place.executor.gate.clear()
        asyncio.run(main(place))


def test_head_has_no_body() -> None:
    """The length is that of GET's body."""

    async def main(place: Site) -> None:
        async with place.listening(), place.dialled() as (reader, writer):
            writer.write(LIVE.replace(b"GET", b"HEAD"))
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
            assert b"content-length: 17" in head
            writer.write(LIVE)
            assert 200 == (await read(reader))[0]

    with site() as place:
        asyncio.run(main(place))
