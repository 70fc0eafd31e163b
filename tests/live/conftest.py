"""One server for each framework that most tests share, with narrow bounds; some start one of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.live.running import Server, running

FRAMEWORKS = ("fastapi", "flask")

NARROW = {
    "TEXTMILL_ENGINE__QUEUE_ITEMS": "8",
    "TEXTMILL_ENGINE__BATCH_ITEMS": "4",
    "TEXTMILL_ENGINE__STUCK_SECONDS": "3",
    "TEXTMILL_ENGINE__DEADLINE_SECONDS": "40",
    "TEXTMILL_LIMITS__BODY_SECONDS": "1.5",
    "TEXTMILL_LIMITS__BODY_BYTES": "1000000",
    "TEXTMILL_LIMITS__REPLY_SECONDS": "1.5",
}
"""Bounds that a test reaches within seconds."""


@pytest.fixture(params=FRAMEWORKS, scope="session")
def framework(request: pytest.FixtureRequest) -> str:
    """The same test on each framework, with its default server."""
    return str(request.param)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """The shared servers; they start side by side."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(running(tmp_path_factory.mktemp(name), name, settings=NARROW))
            for name in FRAMEWORKS
        }


@pytest.fixture
def server(framework: str, shared: dict[str, Server]) -> Server:
    """The framework's shared server, ready."""
    shared[framework].wait_until_ready()
    return shared[framework]
