"""From the settings to the store of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textmill.errors import MissingExtraError
from textmill.settings import KeySettings
from textmill.settings.secrets import secret_bytes

if TYPE_CHECKING:
    from textmill.security.store import KeyStore

DEFAULT_STORE = "sqlite:///textmill-keys.sqlite"


def open_store(settings: KeySettings) -> KeyStore:
    """The store that the settings name; nothing is opened yet.

    Raises:
        ConfigurationError: the settings cannot be used.
        MissingExtraError: what it takes is not installed.
    """
    try:
        from textmill.security.store import KeyStore
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("textmill"):
            raise
        raise MissingExtraError("Checking API keys", "security") from None
    password = settings.password.get_secret_value() if settings.password is not None else None
    pepper = secret_bytes(settings.pepper, settings.pepper_file, "keys.pepper") or b""
    return KeyStore(settings.store or DEFAULT_STORE, password=password, pepper=pepper)
