"""When FastAPI's own app may be left out of a request."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.testclient import TestClient

from textmill.engine.engine import Engine
from textmill.service.service import Service
from textmill.settings import Settings
from textmill.web.fastapi import ContractApp


@pytest.fixture
def app() -> ContractApp:
    """The contract alone, without models."""
    return ContractApp(Service(Settings.load(), Engine({})))


def test_the_contract_alone_is_not_extended(app: ContractApp) -> None:
    """Nothing of FastAPI's has work to do."""
    assert not app.is_extended()


@pytest.mark.parametrize(
    "extend",
    [
        lambda app: app.get("/mine")(lambda: "mine"),
        lambda app: app.mount("/mine", FastAPI()),
        lambda app: app.add_middleware(GZipMiddleware),
    ],
    ids=["route", "mount", "middleware"],
)
def test_whatever_a_host_adds_is_seen(app: ContractApp, extend: Callable[[FastAPI], object]) -> None:
    """Then every request goes through FastAPI, and through what was added."""
    extend(app)
    assert app.is_extended()
    assert 200 == TestClient(app).get("/health/live").status_code


def test_a_route_that_is_added_late_is_seen(app: ContractApp) -> None:
    """Also after the first request."""
    client = TestClient(app)
    assert 404 == client.get("/mine").status_code
    app.get("/mine")(lambda: "mine")
    assert '"mine"' == client.get("/mine").text
