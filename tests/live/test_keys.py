"""Real servers with a real store of keys, and `textmill keys` beside them."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.running import JSON, ONLY_SENTIMENT, Server, eventually, running
from tests.live.wire import dialled, head, read_answer

GOOD = {"text": "I love it."}
SEEN_SECONDS = 5.0
"""By then every worker has seen a change; the setting is 1 s."""


def keys(folder: Path, *words: str) -> str:
    """What `textmill keys ...` prints there."""
    command = [sys.executable, "-m", "textmill", "keys", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server works, and its keys are."""
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def key(folder: Path) -> str:
    """A key that was made before the server started."""
    return keys(folder, "create", "first", "--quiet")


@pytest.fixture(scope="module")
def guarded(folder: Path, key: str, framework: str) -> Iterator[Server]:
    """Two workers that ask for keys."""
    assert key
    with running(folder, framework, "--auth", "required", "--workers", "2", *ONLY_SENTIMENT) as server:
        server.wait_until_ready()
        yield server


def statuses(server: Server, key: str, calls: int = 24) -> set[int]:
    """What the workers answer to a key; each call comes on a connection of its own."""
    return {server.ask("POST", "/predict", GOOD, {**JSON, "X-API-Key": key})[0] for _ in range(calls)}


def test_every_worker_sees_new_keys_and_revoked_ones_within_seconds(
    guarded: Server, folder: Path, key: str
) -> None:
    """Without a restart; the key from before goes on."""
    assert {200} == statuses(guarded, key)
    guest = keys(folder, "create", "guest", "--quiet")
    assert eventually(lambda: {200} == statuses(guarded, guest), SEEN_SECONDS), guarded.output
    keys(folder, "revoke", guest)
    time_of_revocation = time.monotonic()
    assert eventually(lambda: {401} == statuses(guarded, guest), SEEN_SECONDS), guarded.output
    assert time.monotonic() - time_of_revocation < SEEN_SECONDS
    assert {200} == statuses(guarded, key)
    assert guest.rpartition("_")[2] not in guarded.output


@pytest.mark.parametrize("name", ["X-API-Key", "Authorization"])
def test_a_header_that_comes_twice_opens_nothing(guarded: Server, key: str, name: str) -> None:
    """Neither the first nor the last of them is taken."""
    value = key if name == "X-API-Key" else f"Bearer {key}"
    for values in ((value, value), (value, "wrong"), ("wrong", value)):
        with dialled(guarded) as connection:
            connection.sendall(head("GET", "/v1/models", *(f"{name}: {each}" for each in values)))
            assert read_answer(connection)[0] in {400, 401}


@pytest.mark.parametrize("lines", [["X_API_Key: KEY"], ["X-API-Key : KEY"], ["X-API-Key:", " KEY"]])
def test_a_header_that_only_looks_like_the_keys_opens_nothing(
    guarded: Server, key: str, lines: list[str]
) -> None:
    """Underscores, a space before the colon, a folded line: none reaches the check as a key."""
    with dialled(guarded) as connection:
        connection.sendall(head("GET", "/v1/models", *(line.replace("KEY", key) for line in lines)))
        assert read_answer(connection)[0] in {400, 401}


def test_a_server_without_a_store_says_how_to_make_one(framework: str, tmp_path: Path) -> None:
    """At once, with exit code 1, and without a port or a file."""
    words = [sys.executable, "-m", "textmill", "serve", "--framework", framework, "--port", "0"]
    ended = subprocess.run(
        [*words, "--auth", "required", *ONLY_SENTIMENT],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert 1 == ended.returncode
    assert "make a key first: textmill keys create" in ended.stderr.replace("\n", " ")
    assert "Traceback" not in ended.stderr
    assert "http://" not in ended.stderr
    assert [] == list(tmp_path.iterdir())


def test_a_server_whose_store_is_out_of_reach_starts_and_says_so(framework: str, tmp_path: Path) -> None:
    """Readiness has the reason; the log has it once, with the place and without the password."""
    store = {"TEXTMILL_KEYS__STORE": "postgresql://mill:geheim@127.0.0.1:1/keys"}
    with running(tmp_path, framework, "--auth", "required", *ONLY_SENTIMENT, settings=store) as server:

        def told() -> bool:
            with contextlib.suppress(OSError):
                return "key store" in str(server.get("/health/ready"))
            return False

        assert eventually(told, 60), server.output
        status, body = server.get("/health/ready")
        assert (503, "fail") == (status, body["status"])
        assert "it cannot be reached" in body["reason"]
        assert "127.0.0.1" not in body["reason"]
        assert {503} == statuses(server, f"tm_{12 * 'a'}_{43 * 'a'}", calls=1)
        assert 401 == server.ask("POST", "/predict", GOOD)[0]
        assert "geheim" not in server.output
        assert 1 == server.output.count("API keys cannot be checked.")
