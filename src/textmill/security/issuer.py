"""Short-lived tokens for holders of API keys: the client-credentials grant of OAuth2 (RFC 6749, 4.4)."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, TypeAlias
from urllib.parse import unquote_plus

from textmill.errors import CredentialsInvalidError
from textmill.security.credentials import NOT_VALID, checked
from textmill.security.principals import Principal, is_scope
from textmill.security.signatures import SigningKey, public_key
from textmill.security.tokens import FixedKeys, Rules, TokenVerifier
from textmill.settings import OAuthSettings

Fault: TypeAlias = Literal["invalid_request", "invalid_client", "invalid_scope", "unsupported_grant_type"]
"""The words of RFC 6749, 5.2."""

GRANT = "client_credentials"
TYPE = "at+jwt"
"""The `typ` of an access token (RFC 9068)."""
LEEWAY_SECONDS = 5.0
"""By how much the clocks of our own machines may differ."""


class KeyHolders(Protocol):
    """Knows the holders of API keys."""

    def takes(self, credential: str) -> bool:
        """Whether it has the form of a key."""
        ...

    def principal(self, credential: str) -> Principal:
        """Whose key it is; the id is the key's.

        Raises:
            CredentialsInvalidError: nobody's, or no longer.
            AuthUnavailableError: it cannot be told now.
        """
        ...

    def is_active(self, key_id: str) -> Principal | None:
        """The holder of a key that is neither revoked nor expired; None where there is none.

        Raises:
            AuthUnavailableError: it cannot be told now.
        """
        ...


class TokenRefusedError(Exception):
    """No token for this request, told in the words of RFC 6749 (and so no problem document)."""

    def __init__(self, fault: Fault, message: str) -> None:
        self.fault: Fault = fault
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks for a token: the key's id, and the whole key as its secret."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Granted:
    """A new token."""

    token: str = field(repr=False)
    seconds: int
    scopes: tuple[str, ...]


class Issuer:
    """Gives tokens to holders of keys, and checks them; see `Verifier`.

    A token is worth what its key is worth at the time of each request, and never more than it was made for:
    its bearer is the key's holder, with the key's limits.

    Args:
        key: what tokens are signed with.
        clock: the time of day, in seconds since 1970.
    """

    def __init__(
        self,
        settings: OAuthSettings,
        key: SigningKey,
        holders: KeyHolders,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings, self._key, self._holders, self._clock = settings, key, holders, clock
        rules = Rules(frozenset({"ES256"}), settings.issuer, settings.audience, LEEWAY_SECONDS, type=TYPE)
        checking = public_key(key.public)
        self._tokens = TokenVerifier(FixedKeys(*([checking] if checking else [])), rules, clock)
        self._beginning = key.sign({}, TYPE).partition(".")[0] + "."

    @property
    def url(self) -> str | None:
        """The public address of this API, where the issuer's name is one."""
        name = self._settings.issuer.rstrip("/")
        return name if name.startswith("https://") else None

    @property
    def name(self) -> str:
        """What tokens have as `iss`."""
        return self._settings.issuer

    def public_keys(self) -> dict[str, Any]:
        """The JSON Web Key Set that others can check the tokens with."""
        return {"keys": [self._key.public]}

    def grant(self, client: Client, scope: str | None) -> Granted:
        """A token for the holder of a key.

        Args:
            scope: words; None asks for all that the key may do.

        Raises:
            TokenRefusedError: they get none.
            AuthUnavailableError: it cannot be told now who asks.
        """
        holder = self._holder(client)
        scopes = _granted(holder, scope)
        now, seconds = int(self._clock()), self._settings.token_seconds
        claims = {
            "iss": self._settings.issuer,
            "aud": self._settings.audience,
            "sub": holder.id,
            "client_id": holder.id,
            "scope": " ".join(scopes),
            "iat": now,
            "exp": now + seconds,
            "jti": secrets.token_urlsafe(16),
        }
        return Granted(self._key.sign(claims, TYPE), seconds, scopes)

    def takes(self, credential: str) -> bool:
        """A token of ours begins as all of ours do."""
        return credential.startswith(self._beginning) and self._tokens.takes(credential)

    def principal(self, credential: str) -> Principal:
        """The key's holder, with those scopes of the token that the key still has; see `Verifier`."""
        token = self._tokens.principal(credential)
        holder = self._holders.is_active(token.name)
        if holder is None:
            raise CredentialsInvalidError(NOT_VALID)
        return replace(holder, scopes=frozenset(scope for scope in token.scopes if holder.may(scope)))

    def start(self) -> None:
        """Nothing: the holders are kept current by themselves."""

    def close(self) -> None:
        """Nothing."""

    def trouble(self) -> str | None:
        """There is none of its own."""
        return None

    def _holder(self, client: Client) -> Principal:
        """Whose key the client brings."""
        try:
            if self._holders.takes(checked(client.secret)):
                holder = self._holders.principal(client.secret)
                if holder.id == client.id:
                    return holder
        except CredentialsInvalidError:
            pass
        raise TokenRefusedError("invalid_client", "The key is not valid here, or 'client_id' is not its id.")


def client_of(authorization: str | None, form: Mapping[str, str]) -> Client:
    """Who asks: by HTTP Basic, or by the form's `client_id` and `client_secret`.

    Args:
        authorization: the header of this name.

    Raises:
        TokenRefusedError: it is not clear.
    """
    if authorization is None:
        return _client(form.get("client_id", ""), form.get("client_secret", ""))
    client = _basic(authorization)
    if "client_secret" in form or form.get("client_id", client.id) != client.id:
        raise TokenRefusedError("invalid_request", "Send the key with HTTP Basic or in the form, not both.")
    return client


def _basic(authorization: str) -> Client:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise TokenRefusedError("invalid_client", "Send the key's id and the key with HTTP Basic.")
    try:
        text = base64.b64decode(encoded.strip(" "), validate=True).decode("utf-8")
    except ValueError:
        raise TokenRefusedError("invalid_client", "The HTTP Basic credentials are malformed.") from None
    name, _, secret = text.partition(":")
    return _client(unquote_plus(name), unquote_plus(secret))


def _client(name: str, secret: str) -> Client:
    if not name or not secret:
        raise TokenRefusedError(
            "invalid_client", "Send the key's id as 'client_id' and the whole key as 'client_secret'."
        )
    return Client(name, secret)


def _granted(holder: Principal, scope: str | None) -> tuple[str, ...]:
    """What the token may do."""
    if scope is None:
        return tuple(sorted(holder.scopes))
    asked = sorted(set(scope.split(" ")))
    if not all(is_scope(word) and holder.may(word) for word in asked):
        raise TokenRefusedError("invalid_scope", "The key may not do all that 'scope' asks for.")
    return tuple(asked)
