"""One of many processes that use a store: `python crowd.py URL NUMBER`; the password comes on stdin."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from textmill.security.keys import issue
from textmill.security.store import KeyStore

KEYS = 8
"""Each process makes so many, revokes one of them and rotates another."""
WRITES = KEYS + 2


def main(url: str, number: str) -> None:
    """Make the tables like everybody else, and write."""
    store = KeyStore(url, password=sys.stdin.read(), wait_seconds=30)
    store.prepare()
    now = datetime.now(UTC)
    for count in range(KEYS):
        store.add(issue(f"{number}-{count}", ["admin"], pepper=b"", now=now).key)
    store.revoke(f"{number}-0", now)
    store.rotate(f"{number}-1", now, timedelta(hours=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
