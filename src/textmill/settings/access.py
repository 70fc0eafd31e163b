"""Who may ask what, and how much: small frozen groups."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import Field, field_validator

from textmill.settings.groups import Group
from textmill.settings.secrets import Secret

WINDOW = r"^[1-9][0-9]{0,11} ?/ ?([1-9][0-9]{0,5} )?(second|minute|hour|day)s?$"
Window = Annotated[str | None, Field(pattern=WINDOW)]
"""So many in such a time, as `100/minute` or `5000000/2 hours`."""
Algorithm = Literal[
    "HS256",
    "HS384",
    "HS512",
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
]


class SecuritySettings(Group):
    """Who may call, and from where."""

    auth: Literal["none", "required"] = "none"
    """`none` lets everybody in, and so binds to this machine only; `required` asks for a key or a token."""
    allow_public: bool = False
    """Allow `auth = "none"` on an address that other machines reach."""
    anonymous_scopes: tuple[str, ...] = ()
    """With `auth = "required"`: what a caller without credentials may do, as `["models:read"]`."""
    docs: Literal["open", "closed"] = "open"
    """`closed` asks for the scope `models:read` on /docs, /openapi.json and /problems."""
    cors_origins: tuple[str, ...] = ()
    """Pages of these origins may call from a browser, as `["https://app.example.com"]`; none by default."""
    hsts_seconds: Annotated[int, Field(ge=0)] = 0
    """With TLS: for how long a browser must not use plain HTTP again (Strict-Transport-Security)."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose `X-Forwarded-For` is believed, as `["10.0.0.0/8"]`; none by default."""

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, found: tuple[str, ...]) -> tuple[str, ...]:
        for network in found:
            ipaddress.ip_network(network)  # a ValueError names it
        return found

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, found: tuple[str, ...]) -> tuple[str, ...]:
        for origin in found:
            scheme, separator, host = origin.partition("://")
            if origin != "*" and (
                scheme not in ("http", "https") or not separator or not host or "/" in host
            ):
                raise ValueError(
                    f"{origin!r} is no origin; write scheme, host and port, as https://example.com"
                )
        return found


class KeySettings(Group):
    """API keys, and where they are kept."""

    store: Annotated[str | None, Field(repr=False)] = None
    """The SQLAlchemy URL of the key store, as `sqlite:///keys.sqlite` or `postgresql+psycopg://host/name`.
    Without it, `auth = "required"` takes `sqlite:///textmill-keys.sqlite`, unless tokens are configured."""
    password: Secret = None
    """The password of the store, so that it need not stand in the URL."""
    pepper: Secret = None
    """A secret that is mixed into the stored hashes; with another pepper no stored key is valid."""
    pepper_file: str | None = None
    """The file that holds the pepper."""
    refresh_seconds: Annotated[float, Field(ge=0.1, le=60)] = 1.0
    """How soon every worker sees a new, changed or revoked key."""
    cached_seconds: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    """For how long known keys stay valid while the store cannot be read; 0 refuses them at once (503)."""


class TokenSettings(Group):
    """JSON Web Tokens of an issuer of yours."""

    secret: Secret = None
    """The secret shared with the issuer (HS256 to HS512), at least 32 bytes."""
    secret_file: str | None = None
    """The file that holds the secret."""
    jwks: str | None = None
    """The issuer's public keys: a file, or an https URL."""
    discovery: str | None = None
    """The issuer's discovery document, an https URL that names `jwks_uri` (OpenID Connect, RFC 8414)."""
    algorithms: tuple[Algorithm, ...] = ()
    """What a token may be signed with; by default HS256 with a secret, else RS256, PS256, ES256, Ed25519."""
    issuer: str | None = None
    """What `iss` must be; from the discovery document where there is one."""
    audience: str | None = None
    """What `aud` must hold; required with `jwks` and `discovery`."""
    leeway_seconds: Annotated[float, Field(ge=0, le=300)] = 30.0
    """By how much clocks may differ."""
    scope_claim: str = "scope"
    """The claim that holds the scopes, as words in a string or as a list."""
    refresh_seconds: Annotated[float, Field(ge=1, le=86_400)] = 300.0
    """How often the issuer's keys are read again; an unknown `kid` does it sooner."""
    cached_seconds: Annotated[float, Field(ge=0, le=604_800)] = 3600.0
    """For how long known keys are used while the issuer cannot be reached; then tokens are refused (503)."""


class OAuthSettings(Group):
    """Short-lived tokens for holders of API keys (OAuth2, client credentials)."""

    enabled: bool = False
    """Answer `POST /oauth/token` and publish the public key at `/.well-known/jwks.json`."""
    issuer: str = "textmill"
    """The tokens' `iss`; the public URL of this API where others check them too."""
    audience: str = "textmill"
    """The tokens' `aud`."""
    token_seconds: Annotated[int, Field(ge=10, le=86_400)] = 600
    """How long a token is valid."""
    signing_key_file: str = "textmill-signing-key.json"
    """The private key (a JSON Web Key); made, readable by its owner only, where it does not exist."""


class RateSettings(Group):
    """How much a caller may ask, in sliding windows. A key can have limits of its own."""

    requests: Window = None
    """Requests of one principal, as `600/minute`."""
    texts: Window = None
    """Texts of one principal."""
    characters: Window = None
    """Characters of one principal."""
    address_requests: Window = None
    """Requests from one address, whoever asks; also those with wrong credentials."""
    concurrent: Annotated[int | None, Field(ge=1)] = None
    """Requests of one principal that may be open at once in one worker."""
    store: Annotated[str, Field(repr=False)] = "memory://"
    """Where counts are kept: `memory://` in each worker by itself, `redis://host:6379` for all together."""
    store_password: Secret = None
    """The password of the store, so that it need not stand in the URL."""
    store_timeout_seconds: Annotated[float, Field(gt=0, le=5)] = 0.25
    """How long the store may take; then each worker counts for itself until the store is back."""
