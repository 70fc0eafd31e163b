"""Certificates for tests, made by openssl as a person would make them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate of this machine's address, and its key."""

    certificate: Path
    key: Path

    @property
    def flags(self) -> tuple[str, ...]:
        """For `textmill serve`."""
        return "--tls-certificate", str(self.certificate), "--tls-key", str(self.key)


def self_signed(folder: Path, name: str = "server") -> Pair:
    """A pair that is its own authority."""
    pair = Pair(folder / f"{name}.pem", folder / f"{name}-key.pem")
    words = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 2 -subj /CN=textmill"
    )
    files = [
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-out",
        str(pair.certificate),
        "-keyout",
        str(pair.key),
    ]
    subprocess.run([*words.split(), *files], check=True, capture_output=True)
    return pair


def encrypted(pair: Pair, folder: Path) -> Pair:
    """The same pair, with a passphrase on its key."""
    locked = Pair(pair.certificate, folder / "locked.pem")
    words = ["openssl", "pkey", "-aes256", "-passout", "pass:hush"]
    subprocess.run([*words, "-in", str(pair.key), "-out", str(locked.key)], check=True, capture_output=True)
    return locked
