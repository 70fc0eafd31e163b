"""The same requests to both frameworks, over the default models, with nothing between us and the app.

A service is started for each framework once in a session; `client` runs a test on each of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import httpx2
import pytest
from starlette.testclient import TestClient

from textmill.service.lifecycle import create_service
from textmill.settings import Settings
from textmill.web import fastapi, flask

FRAMEWORKS = ("fastapi", "flask")


@contextmanager
def serving(framework: str, **flags: Any) -> Iterator[httpx2.Client]:
    """A client of a started app, with these settings."""
    service = create_service(Settings.load(server={"framework": framework}, **flags))
    if framework == "fastapi":
        with TestClient(fastapi.app(service), base_url="http://textmill") as client:
            yield client
        return
    transport = httpx2.WSGITransport(app=_as_servers_do(flask.app(service)))
    with httpx2.Client(transport=transport, base_url="http://textmill") as client:
        yield client
    service.close()


def _as_servers_do(app: WSGIApplication) -> WSGIApplication:
    """PEP 3333 shows a path's bytes as Latin-1; this client's transport shows its characters."""

    def called(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        shown = environ["PATH_INFO"].encode().decode("latin-1")
        return app(environ | {"PATH_INFO": shown}, start_response)

    return called


def wait_until_ready(client: httpx2.Client, seconds: float = 90) -> None:
    """Wait for the models."""
    until = time.monotonic() + seconds
    while (answer := client.get("/health/ready")).status_code != 200:
        assert time.monotonic() < until, answer.text
        assert "failed" not in answer.json()["models"].values(), answer.text
        time.sleep(0.05)


@pytest.fixture(scope="session")
def clients() -> Iterator[dict[str, httpx2.Client]]:
    """A client for each framework."""
    with serving("fastapi") as first, serving("flask") as second:
        found = dict(zip(FRAMEWORKS, (first, second), strict=True))
        for client in found.values():
            wait_until_ready(client)
        yield found


@pytest.fixture(params=FRAMEWORKS)
def client(request: pytest.FixtureRequest, clients: dict[str, httpx2.Client]) -> httpx2.Client:
    """The same test on each framework."""
    return clients[request.param]
