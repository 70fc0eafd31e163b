"""Whether memory stays flat: many entity requests, every one with words that were never seen before.

    python -m tests.soak.soak_entities --requests 200000 --framework fastapi
    python -m tests.soak.soak_entities --requests 200000 --direct

Starts the real server, sends one text a request to `POST /ner`, and compares the resident set of the server
and its worker (all processes together) at the end with where it stood after the first tenth. Exit code 1 when
it ends more than 10 % higher or lower, or when a request failed. Not part of the test run: it takes minutes.
With `--direct` the runtime is called in this process, so that no renewal of workers can hide its growth.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import string
import subprocess
import sys
import time
import urllib.request

import psutil
from rich.console import Console
from rich.progress import Progress

from textmill.runtimes.registry import DEFAULT_MODELS, load

CONNECTIONS = 16
TOLERANCE = 0.10
SAMPLES = 20


def main() -> int:
    """Run the soak, and say how it went."""
    options = _options()
    if options.direct:
        return _verdict(_direct(options.requests), options.requests)
    command = [sys.executable, "-m", "textmill", "serve", "--port", str(options.port)]
    server = subprocess.Popen([*command, "--framework", options.framework], stderr=subprocess.DEVNULL)
    try:
        _wait_until_ready(options.port)
        rows = asyncio.run(_soak(options.port, options.requests, psutil.Process(server.pid)))
    finally:
        server.terminate()
        server.wait(60)
    return _verdict(rows, options.requests)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--framework", choices=["fastapi", "flask"], default="fastapi")
    parser.add_argument("--port", type=int, default=8999)
    parser.add_argument("--direct", action="store_true", help="call the runtime here, without a server")
    return parser.parse_args()


def _wait_until_ready(port: int) -> None:
    until = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready") as answer:
                if answer.status == 200:
                    return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def _direct(requests: int) -> list[tuple[int, float]]:
    """Give all texts to the runtime, some at a time; the resident megabytes after each twentieth of them."""
    runtime, chance = load(DEFAULT_MODELS["entities"]), random.Random(0)
    own, step = psutil.Process(), requests // SAMPLES
    rows: list[tuple[int, float]] = []
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("texts", total=requests)
        for done in range(CONNECTIONS, requests + CONNECTIONS, CONNECTIONS):
            runtime.predict([_text(chance) for _ in range(CONNECTIONS)])
            progress.update(bar, completed=done)
            if done // step > len(rows):
                rows.append((done, _resident(own)))
    return rows


async def _soak(port: int, requests: int, server: psutil.Process) -> list[tuple[int, float]]:
    """Send all requests; the resident megabytes after each twentieth of them."""
    rows: list[tuple[int, float]] = []
    numbers = iter(range(1, requests + 1))
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("requests", total=requests)

        async def connection(seed: int) -> None:
            chance = random.Random(seed)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for number in numbers:
                await _request(reader, writer, _text(chance))
                progress.advance(bar)
                if number % (requests // SAMPLES) == 0:
                    rows.append((number, _resident(server)))
            writer.close()

        await asyncio.gather(*(connection(seed) for seed in range(CONNECTIONS)))
    return sorted(rows)


async def _request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: str) -> None:
    body = json.dumps({"text": text}).encode()
    head = (
        f"POST /ner HTTP/1.1\r\nHost: soak\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    )
    writer.write(head.encode() + b"\r\n\r\n" + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in answer.split(b"\r\n", 1)[0]:
        raise RuntimeError(f"a request failed: {answer[:40]!r}")
    length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.split(b":")[1]))


def _text(chance: random.Random) -> str:
    """A sentence of words that nobody has seen."""
    words = ["".join(chance.choices(string.ascii_lowercase, k=9)) for _ in range(6)]
    return f"{words[0].title()} {words[1].title()} of {words[2].title()} met {' '.join(words[3:])}."


def _resident(server: psutil.Process) -> float:
    """Resident megabytes of the server with all its children."""
    tree = [server, *server.children(recursive=True)]
    return sum(process.memory_info().rss for process in tree) / 1e6


def _verdict(rows: list[tuple[int, float]], requests: int) -> int:
    early = next(resident for number, resident in rows if number >= requests // 10)
    late = rows[-1][1]
    change = late / early - 1
    for number, resident in rows:
        print(f"{number:>9,} requests  {resident:7.1f} MB")
    print(f"from {early:.1f} MB after a tenth to {late:.1f} MB at the end: {change:+.1%}")
    return 0 if abs(change) <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
