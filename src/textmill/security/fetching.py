"""Fetch a small public document over HTTPS, within bounds."""

from __future__ import annotations

import http.client
import ipaddress
import time
import urllib.error
import urllib.request
from typing import IO
from urllib.parse import urlsplit

SECONDS = 5.0
"""How long one document may take."""
MOST_BYTES = 1_000_000
CHUNK = 65_536


class FetchError(Exception):
    """A document cannot be had. The message says why, without anything of it."""


def fetch(url: str) -> bytes:
    """The document at a URL that `check_url` lets pass.

    Raises:
        FetchError, OSError, http.client.HTTPException: it cannot be had.
    """
    # Proxies of the environment are for others' addresses, not for this machine's.
    proxies = urllib.request.ProxyHandler({} if is_loopback(url) else None)
    opener = urllib.request.build_opener(proxies, _SafeRedirects())
    until = time.monotonic() + SECONDS
    try:
        with opener.open(url, timeout=SECONDS) as answer:
            return _read(answer, until)
    except urllib.error.HTTPError as error:
        error.close()
        raise FetchError(f"the answer has the status {error.code}") from None


def check_url(url: str) -> None:
    """Let pass what may be fetched: https, and plain http on this machine only.

    Raises:
        ValueError: it may not. The message does not repeat it, as it may hold a password.
    """
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL with a user or a password in it cannot be used")
    if not parts.hostname or not (parts.scheme == "https" or is_loopback(url)):
        raise ValueError("it must be an https URL (http only on this machine)")


def is_loopback(url: str) -> bool:
    """Whether it is plain http on this machine."""
    parts = urlsplit(url)
    if parts.scheme != "http":
        return False
    try:
        return parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def _read(answer: http.client.HTTPResponse, until: float) -> bytes:
    """The body; a server that sends a byte now and then is too slow."""
    found = b""
    while chunk := answer.read1(CHUNK):
        found += chunk
        if len(found) > MOST_BYTES:
            raise FetchError(f"the answer is larger than {MOST_BYTES} bytes")
        if time.monotonic() > until:
            raise FetchError(f"the answer took longer than {SECONDS:g} s")
    return found


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to https; this machine may also redirect to itself."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The request to follow with."""
        if urlsplit(newurl).scheme != "https" and not (is_loopback(req.full_url) and is_loopback(newurl)):
            raise FetchError("the answer is a redirect to where nothing is fetched from")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
