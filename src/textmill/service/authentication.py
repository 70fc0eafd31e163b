"""From the settings: who checks credentials, who gives some, and who counts what callers ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textmill.errors import MissingExtraError
from textmill.security.guard import Guard
from textmill.security.issuer import Issuer, KeyHolders
from textmill.security.keyring import Keyring
from textmill.security.opening import open_store
from textmill.security.principals import anonymous
from textmill.security.signatures import check_installed
from textmill.security.signing_file import signing_key
from textmill.security.trust import token_verifier
from textmill.security.verifiers import Verifier
from textmill.service.access import Access
from textmill.settings import KeySettings, Settings

if TYPE_CHECKING:
    from textmill.security.rates import Rates


def authentication(settings: Settings) -> tuple[Access | None, Issuer | None]:
    """Who decides who may do what (None lets everybody do everything), and who gives tokens, if anybody.

    Raises:
        ConfigurationError: the settings of keys or tokens cannot be used.
    """
    ring = keyring(settings.keys) if takes_keys(settings) else None
    gives = issuer(settings, ring)
    door = guard(settings, ring, gives), rates(settings)
    return (Access(*door, settings.security.trusted_proxies) if any(door) else None), gives


def guard(settings: Settings, ring: Verifier | None, gives: Verifier | None) -> Guard | None:
    """Who may come in; None lets everybody in."""
    if settings.security.auth == "none":
        return None
    found = [ring, gives, token_verifier(settings.tokens)]
    verifiers = [verifier for verifier in found if verifier is not None]
    return Guard(verifiers, anonymous(settings.security.anonymous_scopes))


def rates(settings: Settings) -> Rates | None:
    """How much callers may ask; None where nothing is limited.

    A key may have limits of its own, so who asks for keys counts.

    Raises:
        MissingExtraError, ConfigurationError: they cannot be counted.
    """
    asked = settings.rates
    limits = (asked.requests, asked.texts, asked.characters, asked.address_requests, asked.concurrent)
    if settings.security.auth == "none" and not any(limits):
        return None
    try:
        from textmill.security.rates import rates as counted
    except ModuleNotFoundError as error:
        extra = "redis" if error.name == "redis" else "security"
        raise MissingExtraError("Limiting rates", extra) from error
    return counted(asked)


def issuer(settings: Settings, holders: KeyHolders | None) -> Issuer | None:
    """Who gives tokens to holders of keys; None gives none."""
    if not settings.oauth.enabled or holders is None:
        return None
    check_installed("Giving tokens")
    return Issuer(settings.oauth, signing_key(settings.oauth.signing_key_file), holders)


def takes_keys(settings: Settings) -> bool:
    """Whether API keys are taken: where a store is set, or nothing else lets anybody in or gives tokens."""
    tokens = settings.tokens
    others = tokens.secret or tokens.secret_file or tokens.jwks or tokens.discovery
    wanted = settings.keys.store is not None or settings.oauth.enabled or not others
    return settings.security.auth == "required" and wanted


def keyring(settings: KeySettings) -> Keyring:
    """What verifies API keys. While their store cannot be read, readiness fails and nobody is let in."""
    return Keyring(
        open_store(settings),
        refresh_seconds=settings.refresh_seconds,
        cached_seconds=settings.cached_seconds,
    )
