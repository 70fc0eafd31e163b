"""A load generator, light enough not to take the server's CPU.

`python -m tests.live.flood PORT CLIENTS SECONDS` is a process of its own with low priority, so that its work
does not delay the one that watches the health checks. It prints one JSON list: for every answer its status,
Retry-After, content type, and the body of a refusal.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

BODY = json.dumps({"text": "Tim Cook opened a new shop in Berlin on Monday. " * 12}).encode()
REQUEST = (
    b"POST /ner HTTP/1.1\r\nHost: textmill\r\nContent-Type: application/json\r\nContent-Length: "
    + str(len(BODY)).encode()
    + b"\r\n\r\n"
    + BODY
)

PAUSE = 0.05
"""Seconds after which a client that was refused comes again; far sooner than it was told to."""

Seen = tuple[int, str | None, str | None, str]


async def main(port: int, clients: int, seconds: float) -> list[Seen]:
    """Keep all clients asking until the time is over."""
    until = time.monotonic() + seconds
    found = await asyncio.gather(*(_client(port, until) for _ in range(clients)))
    return [answer for answers in found for answer in answers]


async def _client(port: int, until: float) -> list[Seen]:
    answers = []
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        writer.write(REQUEST)
        seen, closing = await _answer(reader)
        answers.append(seen)
        if seen[0] != 200:
            await asyncio.sleep(PAUSE)
        if closing:
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    return answers


async def _answer(reader: asyncio.StreamReader) -> tuple[Seen, bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers["content-length"]))
    code = int(status.split(" ", 2)[1])
    shown = "" if code == 200 else body.decode()
    seen = (code, headers.get("retry-after"), headers.get("content-type"), shown)
    return seen, headers.get("connection", "").lower() == "close"


if __name__ == "__main__":
    os.nice(10)
    port, clients, seconds = sys.argv[1:]
    json.dump(asyncio.run(main(int(port), int(clients), float(seconds))), sys.stdout)
