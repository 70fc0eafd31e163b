"""Tokens as an issuer makes them, good and bad, and an issuer's server; all made without our own code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

NOW = 1_800_000_000.0
SECRET = b"a secret that is shared with the issuer, long enough"
ISSUER, AUDIENCE = "https://issuer.example", "https://textmill.example"
SCOPES = frozenset({"predict:sentiment", "models:read"})
REGISTRY = JWSRegistry(
    algorithms=["HS256", "HS512", "RS256", "RS512", "PS256", "ES256", "ES384", "Ed25519"],
    strict_check_header=False,
)


@cache
def rsa(name: str = "first") -> RSAKey:
    """An RSA key of this name; made once, as that takes a while."""
    return RSAKey.generate_key(2048, {"kid": name})


@cache
def ec(name: str = "first", curve: Any = "P-256") -> ECKey:
    """An elliptic key of this name."""
    return ECKey.generate_key(curve, {"kid": name})


@cache
def ed(name: str = "first") -> OKPKey:
    """An Ed25519 key of this name."""
    return OKPKey.generate_key("Ed25519", {"kid": name})


def jwks(*keys: Key, **members: Any) -> bytes:
    """The public keys, as an issuer publishes them."""
    return json.dumps({"keys": [key.as_dict(private=False) | members for key in keys]}).encode()


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims; a change to None leaves one out."""
    found = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "scope": " ".join(sorted(SCOPES)),
        "iat": int(NOW),
        "exp": int(NOW) + 300,
    }
    return {name: value for name, value in (found | changes).items() if value is not None}


def signed(key: Key, algorithm: str, content: dict[str, Any] | None = None, **header: Any) -> str:
    """A token; with the key's name unless told otherwise (None leaves it out)."""
    named = {"alg": algorithm, "kid": key.kid} | header
    head = {name: value for name, value in named.items() if value is not None}
    return jwt.encode(head, claims() if content is None else content, key, registry=REGISTRY)


def shared(content: dict[str, Any] | None = None, **header: Any) -> str:
    """A token signed with the shared secret."""
    return signed(OctKey.import_key(SECRET), "HS256", content, **header)


def by_hand(header: object, payload: object, secret: bytes | None = SECRET) -> str:
    """A token with any bytes or JSON in it, signed with HS256, or not signed at all."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    text = ".".join(_encoded(part) for part in parts)
    if secret is None:
        return f"{text}."
    return f"{text}.{_encoded(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class IssuerServer:
    """An issuer's HTTP server.

    Attributes:
        answers: what it answers on a path: a body, or a function that answers in its own way.
        asked: the paths that were asked for.
    """

    server: ThreadingHTTPServer
    answers: dict[str, bytes | Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def stop(self) -> None:
        """Refuse connections from now on."""
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def issuer_server(answers: Mapping[str, bytes] | None = None) -> Iterator[IssuerServer]:
    """A running server."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            running.asked.append(self.path)
            answer = running.answers.get(self.path)
            if callable(answer):
                answer(self)
                return
            self.send_response(404 if answer is None else 200)
            self.send_header("Content-Length", str(len(answer or b"")))
            self.end_headers()
            self.wfile.write(answer or b"")

        def log_message(self, *_arguments: object) -> None:
            """It is quiet."""

    running = IssuerServer(ThreadingHTTPServer(("127.0.0.1", 0), Handler), dict(answers or {}))
    thread = threading.Thread(target=running.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield running
    finally:
        running.stop()
        thread.join(5)


def redirect(to: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer that sends the caller elsewhere."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer
