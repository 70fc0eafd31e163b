"""Tokens for holders of API keys: OAuth2's own words (RFC 6749, 4.4 and 5; RFC 8414)."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from textmill.contracts.base import Schema


class TokenRequest(Schema):
    """A form. The key comes with HTTP Basic (its id and the key), or as `client_id` and `client_secret`."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={"examples": [{"grant_type": "client_credentials", "scope": "predict:*"}]},
    )

    grant_type: Literal["client_credentials"]
    scope: str = ""
    """Words with spaces between them, each a scope that the key has; by default all of them."""
    client_id: str = ""
    """The key's id, where HTTP Basic is not used."""
    client_secret: str = ""
    """The whole key, where HTTP Basic is not used."""


class TokenReply(Schema):
    """A token."""

    access_token: str
    """For `Authorization: Bearer`."""
    token_type: Literal["Bearer"]
    expires_in: int
    """Seconds for which it is valid."""
    scope: str
    """What it may do."""


class TokenFault(Schema):
    """Why there is no token (RFC 6749, 5.2)."""

    error: Literal["invalid_request", "invalid_client", "invalid_scope", "unsupported_grant_type"]
    error_description: str


class TokenKey(Schema):
    """A public key, as a JSON Web Key."""

    kty: str
    kid: str
    use: str
    alg: str
    crv: str
    x: str
    y: str


class TokenKeys(Schema):
    """The keys that tokens can be checked with, as a JSON Web Key Set."""

    keys: list[TokenKey]


class AuthorizationServer(Schema):
    """Where tokens come from (RFC 8414)."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
