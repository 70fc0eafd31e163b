"""A PostgreSQL server of the tests' own: its folder, its port, its end."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PASSWORD = "Geheim-Wort/@:?"
"""With every character that means something in a URL."""
USER = "mill"
UNPRIVILEGED = ("postgres", "nobody")
"""PostgreSQL refuses to run as root."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]

    def url(self, database: str = "postgres") -> str:
        """Without the password."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if found := shutil.which("initdb"):
        places.append(Path(found).parent)
    return next(
        (place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None
    )


@contextlib.contextmanager
def running() -> Iterator[Postgres]:
    """A server; the test is skipped where there is none, and fails where CI has none."""
    bin_folder = programs()
    if bin_folder is None:
        assert "CI" not in os.environ, "CI needs PostgreSQL: initdb and postgres"
        pytest.skip("PostgreSQL is not installed: no initdb on PATH or in /usr/lib/postgresql")
    folder = Path(tempfile.mkdtemp(prefix="textmill-postgres-"))
    owner = _owner(folder)
    try:
        with _server(bin_folder, folder, owner) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def _server(bin_folder: Path, folder: Path, owner: str | None) -> Iterator[Postgres]:
    data, secret = folder / "data", folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    words: list[str | Path] = [bin_folder / "initdb", "-D", data, "-U", USER, "--no-sync"]
    words += ["--auth=scram-sha-256", f"--pwfile={secret}"]
    subprocess.run(words, user=owner, cwd=folder, check=True, capture_output=True)
    port = _free_port()
    options = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": folder,
        "fsync": "off",
        "timezone": "Asia/Kolkata",  # times must not depend on it
    }
    flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    process = subprocess.Popen(
        [bin_folder / "postgres", "-D", data, *flags],
        user=owner,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        ready: list[str | Path] = [bin_folder / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
        for _ in range(1000):
            assert process.poll() is None, "PostgreSQL ended at its start"
            if subprocess.run(ready, check=False, capture_output=True).returncode == 0:
                break
        yield Postgres(port, process)
    finally:
        process.send_signal(signal.SIGINT)  # its fast shutdown
        process.wait(30)


def _owner(folder: Path) -> str | None:
    """Whom the server runs as; None for whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    owner = next(name for name in UNPRIVILEGED if name in names)
    shutil.chown(folder, owner)
    return owner


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
