"""The tables of the key store, and how they came to be: one file a version, applied by alembic."""

from __future__ import annotations

from typing import Any

from textmill.errors import MissingExtraError

VERSION_TABLE = "textmill_key_version"
"""Where the version of the tables is kept; not alembic's own name, which the operator may use."""
NEWEST = "1"
KNOWN = (NEWEST,)
"""Every version that this textmill can bring to the newest."""


def upgrade(connection: Any) -> None:
    """Bring the tables to the newest version, within the transaction that the connection is in."""
    try:
        from alembic import command
        from alembic.config import Config
    except ModuleNotFoundError:
        raise MissingExtraError("Making the tables of a key store", "security") from None
    config = Config()
    config.set_main_option("script_location", "textmill.security:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
