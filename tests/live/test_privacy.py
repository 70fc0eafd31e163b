"""Texts, keys and tokens reach no output: canaries in every field, and a look into everything written."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.live.conftest import FRAMEWORKS
from tests.live.running import JSON, ONLY_SENTIMENT, Server, running

CANARY = "c4n4ryB1rd"
"""In every field that a caller can fill."""
SHARED = "the-issuers-s3cret-of-at-least-thirty-two-bytes"
STORE = "sqlite:///keys.sqlite"
SETTINGS = {
    "TEXTMILL_SECURITY__AUTH": "required",
    "TEXTMILL_KEYS__STORE": STORE,
    "TEXTMILL_OAUTH__ENABLED": "true",
    "TEXTMILL_TOKENS__SECRET": SHARED,
    "TEXTMILL_LIMITS__TEXT_CHARACTERS": "1000",
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Watched:
    """A server, where it runs, and a key for it."""

    server: Server
    folder: Path
    key: str


@pytest.fixture(scope="module")
def watched_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Watched]]:
    """One for each framework, with everything switched on that knows a secret."""
    with ExitStack() as stack:
        found = {}
        for name in FRAMEWORKS:
            folder = tmp_path_factory.mktemp(f"privacy-{name}")
            command = [
                sys.executable,
                "-m",
                "textmill",
                "keys",
                "create",
                "reader",
                "--quiet",
                "--store",
                STORE,
            ]
            key = subprocess.check_output(command, cwd=folder, text=True).strip()
            server = stack.enter_context(running(folder, name, *ONLY_SENTIMENT, settings=SETTINGS))
            found[name] = Watched(server, folder, key)
        yield found


@pytest.fixture
def watched(framework: str, watched_servers: dict[str, Watched]) -> Watched:
    """The same test on each framework."""
    watched_servers[framework].server.wait_until_ready()
    return watched_servers[framework]


def wrong_requests(key: str) -> list[tuple[str, str, bytes, dict[str, str]]]:
    """Method, path, body and headers of requests that are refused, each with a canary somewhere."""
    known = {**JSON, "X-API-Key": key}
    basic = {**FORM, "Authorization": "Basic " + b64encode(f"{key[3:15]}:{CANARY}".encode()).decode()}
    predict = "/v1/models/sentiment/predict"
    bodies = [
        f'{{"text": "{CANARY}"'.encode(),
        f'{{"text": ["{CANARY}"]}}'.encode(),
        f'{{"text": "a", "{CANARY}": 1}}'.encode(),
        f'{{"{CANARY}": 1, "{CANARY}": 2}}'.encode(),
        f'{{"text": "{CANARY}", "top_k": "{CANARY}"}}'.encode(),
        f'{{"text": "a", "offset_unit": "{CANARY}"}}'.encode(),
        json.dumps({"text": CANARY * 200}).encode(),
        json.dumps({"texts": [CANARY, None]}).encode(),
        json.dumps({"text": CANARY, "texts": [CANARY]}).encode(),
        CANARY.encode() + b"\xff",
    ]
    form = urlencode({"grant_type": "client_credentials", "client_id": key[3:15], "client_secret": CANARY})
    return [
        *(("POST", predict, body, known) for body in bodies),
        ("POST", predict, b"{}", {**JSON, "X-API-Key": CANARY}),
        ("POST", predict, b"{}", {**JSON, "X-API-Key": key[:-10] + CANARY}),
        ("POST", predict, b"{}", {**JSON, "Authorization": f"Bearer {CANARY}"}),
        ("POST", predict, b"{}", {**JSON, "Authorization": f"Bearer eyJh.{CANARY}.c2ln"}),
        ("POST", predict, b"{}", {**JSON, "Authorization": f"Basic {CANARY}"}),
        ("POST", predict, b"{}", {**known, "Authorization": f"Bearer {CANARY}"}),
        ("POST", predict, b"{}", {**known, "X-Request-Timeout": CANARY}),
        ("POST", predict, b"{}", {**known, "X-Request-ID": f"{CANARY} {CANARY}", "User-Agent": CANARY}),
        ("POST", predict, b"{}", {**known, "Content-Type": CANARY, "Cookie": CANARY}),
        ("POST", f"/v1/models/{CANARY}/predict", b"{}", known),
        ("GET", f"/{CANARY}?{CANARY}={CANARY}", b"", {"X-Forwarded-For": CANARY, "Referer": CANARY}),
        (CANARY.upper(), predict, b"", {}),
        ("POST", "/oauth/token", form.encode(), FORM),
        ("POST", "/oauth/token", f"grant_type={CANARY}&scope={CANARY}".encode(), basic),
    ]


def outputs(watched: Watched) -> Iterator[tuple[str, bytes]]:
    """Everything that the server has written anywhere, by name."""
    for path in watched.folder.rglob("*"):
        if path.is_file():
            yield path.name, path.read_bytes()


def test_what_is_refused_is_never_repeated(watched: Watched) -> None:
    """Not in the problem, not in a header, not in the log, not in a file."""
    for method, path, body, headers in wrong_requests(watched.key):
        status, answered, content = watched.server.ask(method, path, body, headers)
        assert 400 <= status < 500, (method, path, status)
        assert CANARY.lower() not in (str(answered) + content.decode()).lower(), (method, path)
    for name, content in outputs(watched):
        assert CANARY.lower().encode() not in content.lower(), name


def test_what_is_served_leaves_no_trace(watched: Watched) -> None:
    """An accepted text, key and token stand in no log and no file; nor does the shared secret."""
    form = urlencode({
        "grant_type": "client_credentials",
        "client_id": watched.key[3:15],
        "client_secret": watched.key,
    })
    granted = watched.server.ask("POST", "/oauth/token", form.encode(), FORM)
    assert granted[0] == 200, granted
    token = json.loads(granted[2])["access_token"]
    text = {"text": f"I love {CANARY}."}
    for headers in ({"X-API-Key": watched.key}, {"Authorization": f"Bearer {token}"}):
        status, _, content = watched.server.ask("POST", "/v1/models/sentiment/predict", text, JSON | headers)
        assert (status, CANARY in content.decode()) == (200, False)
    for name, content in outputs(watched):
        for secret in (CANARY, watched.key, watched.key.rpartition("_")[2], token, SHARED):
            assert secret.encode() not in content, name
