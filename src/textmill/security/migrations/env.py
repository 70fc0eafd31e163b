"""What alembic runs to apply the versions. The connection and its transaction are the caller's."""

from __future__ import annotations

from alembic import context

from textmill.security.migrations import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
