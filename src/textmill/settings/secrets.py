"""Values that nobody may see by accident: in a message, a log, or a dump."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import PlainSerializer, SecretStr, SerializationInfo

from textmill.errors import ConfigurationError

REVEALED: Final = {"revealed": True}
"""The context in which a dump holds secrets."""


def _shown(value: SecretStr | None, info: SerializationInfo[Any]) -> str | None:
    if value is None:
        return None
    return value.get_secret_value() if info.context == REVEALED else str(value)


Secret = Annotated[SecretStr | None, PlainSerializer(_shown, when_used="json")]
"""A secret that a dump hides, except in the context `REVEALED`."""


def secret_bytes(value: SecretStr | None, file: str | None, name: str) -> bytes | None:
    """A secret from its setting, or from the file that another one names; None where neither is set.

    Args:
        name: of the setting, for the message.

    Raises:
        ConfigurationError: both are set, or the file cannot be read or is empty.
    """
    if value is not None and file is not None:
        raise ConfigurationError(f"Set either {name} or {name}_file, and not both.")
    if file is None:
        return value.get_secret_value().encode() if value is not None else None
    try:
        found = Path(file).read_bytes().strip()
    except OSError as error:
        raise ConfigurationError(f"{name}_file cannot be read: {error.strerror or error}.") from None
    if not found:
        raise ConfigurationError(f"The file of {name}_file is empty.")
    return found
