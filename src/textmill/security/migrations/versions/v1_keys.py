"""Version 1: the keys, and the one row that counts changes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "textmill_keys",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True)),
        sa.Column("revoked", sa.DateTime(timezone=True)),
        sa.Column("requests", sa.String(40)),
        sa.Column("texts", sa.String(40)),
        sa.Column("characters", sa.String(40)),
        sa.Column("concurrent", sa.Integer),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_index("textmill_keys_revision", "textmill_keys", ["revision"])
    op.create_table(
        "textmill_key_store",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("identity", sa.String(32), nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("pepper_mark", sa.LargeBinary(32), nullable=False),
    )
