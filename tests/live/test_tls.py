"""HTTPS with a certificate of its own, on each server: what is spoken, refused, and not disturbed."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.live.certificates import Pair, encrypted, self_signed
from tests.live.running import HOST, JSON, ONLY_SENTIMENT, TEXT, Server, eventually, exchange, running
from tests.live.wire import read_to_end
from textmill.cli.app import app

SERVERS = (("fastapi", "uvicorn"), ("flask", "gunicorn"), ("fastapi", "granian"), ("flask", "granian"))
HEAD_SECONDS = 1.5
REFUSED = (ssl.SSLError, ConnectionError)


class Secure:
    """A server that speaks TLS, and what is needed to speak with it."""

    def __init__(self, server: Server, pair: Pair) -> None:
        self.server = server
        self.context = ssl.create_default_context(cafile=str(pair.certificate))

    def connect(self) -> http.client.HTTPSConnection:
        """A connection whose certificate is checked."""
        return http.client.HTTPSConnection(HOST, self.server.port, timeout=30, context=self.context)

    def status(self, path: str = "/health/live") -> int:
        """Of a GET on a new connection."""
        with contextlib.closing(self.connect()) as connection:
            return exchange(connection, "GET", path)[0]

    def ready(self) -> bool:
        """Whether its models are."""
        assert self.server.process.poll() is None, self.server.output
        with contextlib.suppress(OSError):
            return self.status("/health/ready") == 200
        return False

    def dialled(self) -> socket.socket:
        """A connection that has said nothing yet."""
        return socket.create_connection((HOST, self.server.port), timeout=30)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """One certificate for all."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module", params=SERVERS, ids="-".join)
def secure(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, pair: Pair
) -> Iterator[Secure]:
    """Each server, ready."""
    framework, name = request.param
    limits = {
        "TEXTMILL_LIMITS__HEAD_SECONDS": str(HEAD_SECONDS),
        "TEXTMILL_LIMITS__BODY_SECONDS": str(HEAD_SECONDS),
    }
    flags = ("--server", name, *ONLY_SENTIMENT, *pair.flags)
    with running(tmp_path_factory.mktemp(name), framework, *flags, settings=limits) as server:
        found = Secure(server, pair)
        assert eventually(found.ready, 60), server.output
        yield found


def test_calls_are_answered_on_a_kept_connection(secure: Secure) -> None:
    """Over TLS 1.3, several on one connection; the printed address and call say https."""
    with contextlib.closing(secure.connect()) as connection:
        connection.connect()
        own = connection.sock
        for _ in range(5):
            status, _, body = exchange(connection, "POST", "/predict", {"text": TEXT}, JSON)
            assert (200, "positive") == (status, json.loads(body)["sentiment"])
            assert own is connection.sock
        assert isinstance(own, ssl.SSLSocket)
        assert "TLSv1.3" == own.version()
    url = f"https://127.0.0.1:{secure.server.port}"
    assert f"curl -s {url}/predict" in secure.server.output
    assert f"API page: {url}/docs" in secure.server.output


def test_old_versions_are_refused(secure: Secure) -> None:
    """TLS 1.0 and 1.1, by a client that would take them; 1.2 is spoken, with forward secrecy."""
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.minimum_version = old.maximum_version = version
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        with secure.dialled() as raw, pytest.raises(REFUSED):
            old.wrap_socket(raw)
    secure.context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        with secure.dialled() as raw, secure.context.wrap_socket(raw, server_hostname=HOST) as spoken:
            cipher = spoken.cipher()
            assert cipher is not None
            assert cipher[0].startswith("ECDHE-")
    finally:
        secure.context.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED


def test_plain_http_to_the_secure_port_does_no_harm(secure: Secure) -> None:
    """It gets no answer of the API, and others are served."""
    for sent in (b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 1000, b"\x16\x03\x01\xff\xff"):
        with secure.dialled() as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            assert b"pass" not in read_to_end(connection)
        assert 200 == secure.status()
    assert "Traceback" not in secure.server.output, secure.server.output


def test_slow_handshakes_do_not_hold_up_others(secure: Secure) -> None:
    """More than there are threads: silent ones, and ones that stop in the middle."""
    waiting = [secure.dialled() for _ in range(300)]
    try:
        for each in waiting[::2]:
            each.sendall(b"\x16\x03\x01\x02\x00\x01")
        begun = time.monotonic()
        assert 200 == secure.status()
        assert time.monotonic() - begun < HEAD_SECONDS + 3
    finally:
        for each in waiting:
            each.close()


def test_a_slow_body_is_given_up(secure: Secure) -> None:
    """And what is said of it is encrypted, or the connection just ends."""
    if "flask, granian" in secure.server.output:
        pytest.skip("granian's WSGI has no way to end the reading of a body (docs/limits.md)")
    with secure.dialled() as raw, secure.context.wrap_socket(raw, server_hostname=HOST) as spoken:
        spoken.sendall(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 50\r\n\r\n{"
        )
        begun = time.monotonic()
        try:
            found = read_to_end(spoken)
        except ssl.SSLError as error:
            assert "WRONG_VERSION" not in str(error), error  # noqa: PT017 - it would have been plain text
            found = b""
        assert not found or found.startswith(b"HTTP/1.1 408")
        assert time.monotonic() - begun < HEAD_SECONDS + 5


@pytest.mark.parametrize("workers", ["2"])
def test_several_workers_serve_it(tmp_path: Path, pair: Pair, workers: str) -> None:
    """Forked ones, with uvicorn and with gunicorn."""
    for framework in ("fastapi", "flask"):
        folder = tmp_path / framework
        folder.mkdir()
        flags = ("--workers", workers, *ONLY_SENTIMENT, *pair.flags)
        with running(folder, framework, *flags) as server:
            assert eventually(Secure(server, pair).ready, 60), server.output


def test_files_that_cannot_be_used_are_told_before_anything_starts(tmp_path: Path, pair: Pair) -> None:
    """Each with what is wrong, and nothing secret."""
    other = self_signed(tmp_path, "other")
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("-----BEGIN NOTHING-----\n")
    closed = tmp_path / "closed"
    closed.mkdir()
    told = {
        "cannot be read: No such file": Pair(pair.certificate, tmp_path / "nowhere.pem"),
        "cannot be read: Is a directory": Pair(closed, pair.key),
        "does not belong to": Pair(pair.certificate, other.key),
        "is encrypted": encrypted(pair, tmp_path),
        "PEM format": Pair(garbage, pair.key),
    }
    for words, wrong in told.items():
        found = CliRunner().invoke(app, ["serve", "--port", "0", *wrong.flags])
        assert found.exit_code != 0
        assert words in " ".join(f"{found.output} {found.exception}".split()), found.output
    for half in (pair.flags[:2], pair.flags[2:]):
        found = CliRunner().invoke(app, ["serve", "--port", "0", *half])
        assert "is not set" in f"{found.output} {found.exception}"
