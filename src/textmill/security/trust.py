"""Whose tokens are believed: from the settings to what checks them."""

from __future__ import annotations

from textmill.errors import ConfigurationError
from textmill.security.fetching import check_url
from textmill.security.jwks import LOOK_SECONDS, Load, RemoteKeys, Timing, discovered, from_file, from_url
from textmill.security.signatures import CheckingKey, check_installed, secret_key
from textmill.security.tokens import FixedKeys, Keys, Rules, TokenVerifier
from textmill.settings import TokenSettings
from textmill.settings.secrets import secret_bytes

LEAST_SECRET = 32
"""Bytes of a shared secret (RFC 7518, 3.2)."""
WITH_SECRET = ("HS256",)
WITH_KEYS = ("RS256", "PS256", "ES256", "Ed25519")


def token_verifier(settings: TokenSettings) -> TokenVerifier | None:
    """What checks the tokens of an outside issuer; None where none is configured.

    Raises:
        ConfigurationError: the settings contradict each other, or cannot be used.
        MissingExtraError: the libraries are not installed.
    """
    secret = secret_bytes(settings.secret, settings.secret_file, "tokens.secret")
    sources = [secret, settings.jwks, settings.discovery]
    given = sum(source is not None for source in sources)
    if given == 0:
        _check_unused(settings)
        return None
    if given > 1:
        raise ConfigurationError(
            "tokens has several sources of keys. Set one of secret (or secret_file), jwks and discovery."
        )
    _check_rules(settings, shared=secret is not None)
    check_installed("Checking tokens")
    rules = _rules(settings, WITH_KEYS if secret is None else WITH_SECRET)
    return TokenVerifier(_keys(settings, secret), rules)


def _check_unused(settings: TokenSettings) -> None:
    """Whether it is meant that no tokens are taken."""
    if settings != TokenSettings():
        raise ConfigurationError(
            "tokens has no source of keys, so no token could be checked. Set one of secret (or secret_file), "
            "jwks and discovery."
        )


def _check_rules(settings: TokenSettings, *, shared: bool) -> None:
    """Whether algorithms and audience go with the kind of keys."""
    wrong = [name for name in settings.algorithms if name.startswith("HS") != shared]
    if wrong:
        takes = (
            "a secret takes HS256, HS384 or HS512" if shared else "public keys take none that begins with HS"
        )
        raise ConfigurationError(f"tokens.algorithms has {', '.join(wrong)}: {takes}.")
    if not shared and not settings.audience:
        raise ConfigurationError(
            "tokens.audience is missing: without it, tokens that the issuer made for others would be taken. "
            "Set it to what 'aud' holds in tokens for this API."
        )


def _rules(settings: TokenSettings, default: tuple[str, ...]) -> Rules:
    return Rules(
        algorithms=frozenset(settings.algorithms or default),
        issuer=settings.issuer,
        audience=settings.audience,
        leeway_seconds=settings.leeway_seconds,
        scope_claim=settings.scope_claim,
    )


def _keys(settings: TokenSettings, secret: bytes | None) -> Keys:
    if secret is not None:
        return FixedKeys(_shared(secret))
    if settings.discovery is not None:
        _check("tokens.discovery", settings.discovery)
        return _remote(settings, discovered(settings.discovery, settings.issuer))
    jwks = settings.jwks or ""
    if "://" not in jwks:
        return _file(settings, jwks)
    _check("tokens.jwks", jwks)
    return _remote(settings, from_url(jwks))


def _shared(secret: bytes) -> CheckingKey:
    if len(secret) < LEAST_SECRET:
        raise ConfigurationError(
            f"tokens.secret has {len(secret)} bytes, and needs {LEAST_SECRET}. Make one with: "
            "python -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )
    try:
        return secret_key(secret)
    except ValueError:
        raise ConfigurationError(
            "tokens.secret is a public key, which everybody may know. Put public keys into tokens.jwks."
        ) from None


def _remote(settings: TokenSettings, load: Load) -> RemoteKeys:
    return RemoteKeys(load, Timing(settings.refresh_seconds, settings.cached_seconds))


def _file(settings: TokenSettings, path: str) -> RemoteKeys:
    """Keys of a file, which must be there at start."""
    keys = RemoteKeys(
        from_file(path), Timing(min(LOOK_SECONDS, settings.refresh_seconds), settings.cached_seconds)
    )
    keys.refresh()
    if keys.trouble():
        raise ConfigurationError(
            f"tokens.jwks: {path!r} cannot be used; the log says why. Name a file with a JSON Web Key Set."
        )
    return keys


def _check(name: str, url: str) -> None:
    try:
        check_url(url)
    except ValueError as error:
        raise ConfigurationError(f"{name} cannot be used: {error}.") from None
