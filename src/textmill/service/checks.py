"""What is looked at before anything starts: whether callers are let in as the operator asked."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterator

from textmill.errors import ConfigurationError, KeyStoreError
from textmill.security.failures import MAKE_ONE
from textmill.security.opening import open_store
from textmill.security.principals import ADMIN
from textmill.security.signatures import check_installed
from textmill.security.signing_file import check_signing_key
from textmill.service.access import Access
from textmill.service.authentication import guard, keyring, rates, takes_keys
from textmill.settings import KeySettings, Settings, TokenSettings

logger = logging.getLogger("textmill")

UNDERSCORES = ("flask", "granian")
"""Where a header with underscores in its name cannot be told from one with hyphens (WSGI's own flaw)."""


def check_access(settings: Settings) -> None:
    """Make sure that who may call, and how much, can be decided with these settings; nothing is made.

    Raises:
        ConfigurationError: they contradict each other, or cannot be used.
        KeyStoreError: see `check_keys`.
    """
    check_meant(settings)
    check_keys(settings)
    ring = keyring(settings.keys) if takes_keys(settings) else None
    Access(guard(settings, ring, None), rates(settings)).close()
    if settings.oauth.enabled:
        check_installed("Giving tokens")
        check_signing_key(settings.oauth.signing_key_file)


def check_meant(settings: Settings) -> None:
    """Refuse settings of which nothing would come, so that no door is open that its owner has locked.

    Raises:
        ConfigurationError: naming them, and what to do.
    """
    security = settings.security
    if security.auth == "none":
        if locks := ", ".join(_locks(settings)):
            raise ConfigurationError(
                f"Nothing would come of the settings {locks}, since security.auth is 'none' and nobody is "
                "asked for credentials. Set security.auth to 'required' (--auth required), or leave them out."
            )
    elif ADMIN in security.anonymous_scopes:
        raise ConfigurationError(
            "security.anonymous_scopes has 'admin', so everybody could do everything without credentials. "
            "Name the scopes that everybody may have, as ['models:read']."
        )
    elif settings.keys != KeySettings() and not takes_keys(settings):
        raise ConfigurationError(
            "Nothing would come of the settings keys: beside tokens, API keys are only taken where "
            "keys.store is set. Set it too, or leave the others out."
        )


def doubts(settings: Settings) -> list[str]:
    """What works and is seldom meant, with what to do about it."""
    return list(_doubts(settings))


def check_keys(settings: Settings) -> None:
    """Tell an operator at once that the key store was never made; the server does not make it.

    Nothing else ends the start: a store that is locked or out of reach may come back, and until then the
    server answers 503 to keys, and its readiness says why.

    Raises:
        KeyStoreError: there is no store, or it has no tables.
        ConfigurationError: it can never be opened with these settings.
    """
    if not takes_keys(settings):
        return
    store = open_store(settings.keys)
    try:
        version = store.version()
    except KeyStoreError as error:
        logger.warning("Starting without API keys, which are tried again. %s", error)
        return
    finally:
        store.close()
    if version is None:
        raise KeyStoreError(f"There are no API keys in the store ({store.where}); {MAKE_ONE}")


def _locks(settings: Settings) -> Iterator[str]:
    """The settings that only make sense where credentials are asked for."""
    if settings.keys != KeySettings():
        yield "keys"
    if settings.tokens != TokenSettings():
        yield "tokens"
    if settings.oauth.enabled:
        yield "oauth"
    if settings.security.anonymous_scopes:
        yield "security.anonymous_scopes"
    if settings.security.docs == "closed":
        yield "security.docs"


def _doubts(settings: Settings) -> Iterator[str]:
    security, asked = settings.security, settings.rates
    if any(ipaddress.ip_network(network).prefixlen == 0 for network in security.trusted_proxies):
        yield (
            "security.trusted_proxies has every address, so callers choose under which one they are counted "
            "(X-Forwarded-For). Name the proxies alone."
        )
    if security.trusted_proxies and (settings.server.framework, settings.server.server) == UNDERSCORES:
        yield (
            "granian on Flask takes X_Forwarded_For for X-Forwarded-For, so callers choose under which "
            "address they are counted, unless the proxy drops names with underscores (nginx does). Let it, "
            "or take gunicorn."
        )
    if "*" in security.cors_origins and security.auth == "none":
        yield (
            "security.cors_origins has '*' and security.auth is 'none', so every web page that a browser "
            "near this server opens can call it. Name the pages' origins."
        )
    limits = (asked.requests, asked.texts, asked.characters, asked.address_requests)
    workers = settings.server.workers
    if any(limits) and workers > 1 and asked.store == "memory://":
        yield (
            f"Each of {workers} workers counts by itself, so callers get up to {workers} times what rates "
            "allows. Set rates.store to a Redis, or divide the limits."
        )
