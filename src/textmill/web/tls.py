"""HTTPS with a certificate of its own: read before anything else, and told clearly where it fails."""

from __future__ import annotations

import ssl
from typing import NoReturn

from textmill.errors import ConfigurationError
from textmill.settings import ServerSettings

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secrecy and authenticated encryption only; TLS 1.3 has no others."""


class EncryptedError(Exception):
    """A key asks for a passphrase."""


def is_secure(settings: ServerSettings) -> bool:
    """Whether the API is served over HTTPS."""
    return settings.tls_certificate is not None


def context(settings: ServerSettings) -> ssl.SSLContext | None:
    """What encrypts, or None where nothing does.

    Raises:
        ConfigurationError: the certificate or its key cannot be used, and why.
    """
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing = "tls_certificate" if certificate is None else "tls_key"
        raise ConfigurationError(f"HTTPS takes a certificate and its key; server.{missing} is not set.")
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    made.set_ciphers(CIPHERS)
    _readable(certificate)
    _readable(key)
    try:
        made.load_cert_chain(certificate, key, password=_refuse)
    except (EncryptedError, ssl.SSLError, ValueError) as error:
        raise ConfigurationError(_why(error, certificate, key)) from None
    return made


def _readable(path: str) -> None:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - as OpenSSL will open it
            file.read(1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"The TLS file {path!r} cannot be read: {why}.") from None


def _refuse() -> NoReturn:
    raise EncryptedError


def _why(error: Exception, certificate: str, key: str) -> str:
    if isinstance(error, EncryptedError):
        return (
            f"The key {key!r} is encrypted. Store it without a passphrase, readable by the server's user "
            "only (openssl pkey -in KEY -out PLAIN)."
        )
    reason = getattr(error, "reason", None) or ""
    if "MISMATCH" in reason:
        return f"The key {key!r} does not belong to the certificate {certificate!r}."
    return (
        f"{certificate!r} and {key!r} are not a certificate and a key in PEM format that can be used"
        f"{f' ({reason})' if reason else ''}."
    )
