"""Whether anything that can be sent makes a server fail, hang or grow: a hundred thousand fuzzed requests.

    python -m tests.soak.fuzz_contract --requests 100000

For each framework: starts the real server with keys and tokens switched on, lets schemathesis send what the
document allows and forbids, then sends whole requests whose bytes hypothesis has bent, among them their
credentials, over plain sockets. Exit code 1 when an answer was a failure of ours (500 and above), when none
came within ten seconds, or when memory ended more than a tenth over where it stood after the first tenth.
Not part of the test run: it takes minutes.
"""

from __future__ import annotations

import argparse
import re
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.live.running import HOST, Server, running

FRAMEWORKS = ("fastapi", "flask")
SECONDS = 10
TOLERANCE = 0.10
SETTINGS = {
    "TEXTMILL_SECURITY__AUTH": "required",
    "TEXTMILL_KEYS__STORE": "sqlite:///keys.sqlite",
    "TEXTMILL_OAUTH__ENABLED": "true",
    "TEXTMILL_TOKENS__SECRET": "a secret of at least thirty-two bytes",
}
FORM = b"application/x-www-form-urlencoded"
PATHS = ("/predict", "/ner", "/v1/models/sentiment/predict", "/v1/models", "/oauth/token", "/health/ready")
SPICE = (
    *(
        b"\r\n",
        b"\n",
        b"\x00",
        b" ",
        b"\t",
        b":",
        b",",
        b"{",
        b"}",
        b'"',
        b"\\ud83d",
        b"\xff",
        b"%2e%2e/",
        b"//",
    ),
    *(
        b"Bearer ",
        b"X-API-Key: ",
        b"Authorization: ",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
    ),
    *(
        b"Expect: 100-continue\r\n",
        b"X-Forwarded-For: 1.2.3.4, ::1\r\n",
        b"NaN",
        b"1e999",
        b"tm_",
        b"eyJ",
        b".",
    ),
)


@dataclass(slots=True)
class Tally:
    """What became of the requests to one server."""

    statuses: Counter[str] = field(default_factory=Counter)
    megabytes: list[float] = field(default_factory=list)

    @property
    def failures(self) -> int:
        """Answers that no request may cause, and silence."""
        return sum(count for status, count in self.statuses.items() if status[0] == "5" or status == "hang")

    @property
    def growth(self) -> float:
        """From after the first tenth to the end."""
        return self.megabytes[-1] / self.megabytes[max(1, len(self.megabytes) // 10)] - 1


def main() -> int:
    """Fuzz both, and say how it went."""
    options = _options()
    good = True
    for framework in FRAMEWORKS:
        with tempfile.TemporaryDirectory() as folder:
            key = _key(Path(folder))
            with running(Path(folder), framework, settings=SETTINGS) as server:
                server.wait_until_ready(120)
                good &= _fuzz(server, framework, key, options.requests // len(FRAMEWORKS))
    return 0 if good else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=100_000)
    return parser.parse_args()


def _key(folder: Path) -> str:
    command = [sys.executable, "-m", "textmill", "keys", "create", "fuzz", "--quiet"]
    scopes = ["--scope", "predict:*", "--scope", "models:read"]
    store = ["--store", SETTINGS["TEXTMILL_KEYS__STORE"]]
    return subprocess.check_output([*command, *scopes, *store], cwd=folder, text=True).strip()


def _fuzz(server: Server, framework: str, key: str, requests: int) -> bool:
    described, fine = _schemathesis(server, key, requests // 5)
    tally = Tally()
    _wire(server, key, requests - described, tally)
    print(f"{framework}: schemathesis sent {described:,} requests, {'no failure' if fine else 'FAILURES'}")
    print(f"{framework}: hypothesis sent {tally.statuses.total():,}: {dict(sorted(tally.statuses.items()))}")
    print(
        f"{framework}: {tally.failures} failures or hangs; memory {tally.megabytes[0]:.0f} MB at first, "
        f"{tally.megabytes[-1]:.0f} MB at the end ({tally.growth:+.1%} since the first tenth)"
    )
    print(f"{framework}: still ready: {server.get('/health/ready')[0] == 200}", flush=True)
    return fine and tally.failures == 0 and tally.growth <= TOLERANCE


def _schemathesis(server: Server, key: str, requests: int) -> tuple[int, bool]:
    """How many requests it made, and whether it found nothing."""
    url = f"http://{HOST}:{server.port}"
    operations = len(re.findall(r'"operationId"', server.ask("GET", "/openapi.json")[2].decode()))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json"),
            *("--header", f"X-API-Key: {key}", "--request-timeout", str(SECONDS), "--continue-on-failure"),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", str(max(1, requests // operations))),
            *("--checks", "not_a_server_error,status_code_conformance,response_schema_conformance"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    sent = re.search(r"([\d,]+) generated", done.stdout)
    if done.returncode or sent is None:
        print(done.stdout[-4000:], done.stderr[-2000:])
    return (int(sent[1].replace(",", "")) if sent else 0), done.returncode == 0


@st.composite
def _bent(draw: st.DrawFn, key: str) -> tuple[bytes, bool]:
    """A request with bent parts, and whether it is whole; one in ten is bent all over and ends anywhere."""
    path = draw(st.sampled_from(PATHS))
    form = path == "/oauth/token"
    body = b'{"text": "Ada Lovelace lived in London."}'
    if form:
        body = f"grant_type=client_credentials&client_id={key[3:15]}&client_secret={key}".encode()
    whole = draw(st.integers(0, 9)) > 0
    parts = [path.encode(), key.encode(), body, FORM if form else b"application/json"]
    for at in draw(st.sets(st.integers(0, len(parts) - 1))) if whole else ():
        parts[at] = _bend(draw, parts[at])
    data = _assembled(*parts, post=path.endswith(("predict", "ner", "token")))
    return (data, True) if whole else (_bend(draw, data), False)


def _bend(draw: st.DrawFn, data: bytes) -> bytes:
    """Cut, spiced and repeated at some places."""
    for _ in range(draw(st.integers(1, 3))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 12))
        piece = draw(st.sampled_from(SPICE) | st.binary(max_size=8) | st.just(data[at : at + length] * 2))
        data = data[:at] + piece + data[at + draw(st.integers(0, length)) :]
    return data


def _assembled(path: bytes, key: bytes, body: bytes, kind: bytes, *, post: bool) -> bytes:
    lines = [
        (b"POST " if post else b"GET ") + path + b" HTTP/1.1",
        b"Host: fuzz",
        b"X-API-Key: " + key,
        b"Content-Type: " + kind,
        b"Connection: close",
        b"Content-Length: %d" % (len(body) if post else 0),
    ]
    return b"\r\n".join([*lines, b"", body if post else b""])


def _wire(server: Server, key: str, requests: int, tally: Tally) -> None:
    step = max(1, requests // 100)

    @settings(
        max_examples=requests,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(_bent(key))
    def send(bent: tuple[bytes, bool]) -> None:
        if tally.statuses.total() % step == 0:
            tally.megabytes.append(_resident(server.process.pid))
            print(end=f"\r{tally.statuses.total():,} of {requests:,}", file=sys.stderr)
        tally.statuses[_status(server.port, *bent)] += 1

    while tally.statuses.total() < requests:
        send()
    tally.megabytes.append(_resident(server.process.pid))
    print(file=sys.stderr)


def _status(port: int, data: bytes, whole: bool) -> str:
    """The status of the answer; `closed` where the server just hung up, as it may on nonsense."""
    with socket.create_connection((HOST, port), timeout=SECONDS) as connection:
        try:
            connection.sendall(data)
            if not whole:
                connection.shutdown(socket.SHUT_WR)
            line = connection.makefile("rb").readline()
        except TimeoutError:
            return "hang"
        except OSError:
            return "closed"
    found = re.match(rb"HTTP/1\.[01] (\d{3})", line)
    return found[1].decode() if found else "closed"


def _resident(pid: int) -> float:
    """Resident megabytes of the server with all its children."""
    main = psutil.Process(pid)
    return sum(each.memory_info().rss for each in (main, *main.children(recursive=True))) / 1e6


if __name__ == "__main__":
    sys.exit(main())
