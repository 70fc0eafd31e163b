"""When Flask's own app may be left out of a request."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from textmill.engine.engine import Engine
from textmill.service.service import Service
from textmill.settings import Settings
from textmill.web.flask import ContractApp


def wrap(app: Flask) -> None:
    """Put a middleware around it, as Flask's documentation says."""
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]  # Flask's own way


@pytest.fixture
def app() -> ContractApp:
    """The contract alone, without models."""
    return ContractApp(Service(Settings.load(), Engine({})))


def test_the_contract_alone_is_not_extended(app: ContractApp) -> None:
    """Nothing of Flask's has work to do."""
    assert not app.is_extended()


def test_a_path_that_is_almost_one_stays_none_where_a_host_adds_something(app: ContractApp) -> None:
    """As without it; who closes a path in front of textmill closes all of its spellings."""
    app.before_request(lambda: None)
    client = app.test_client()
    assert [200, 404, 404] == [
        client.get("/", environ_overrides={"PATH_INFO": path}).status_code
        for path in ("/health/live", "//health/live", "/health//live")
    ]


@pytest.mark.parametrize(
    "extend",
    [
        lambda app: app.add_url_rule("/mine", view_func=lambda: "mine"),
        lambda app: app.before_request(lambda: None),
        lambda app: app.after_request(lambda response: response),
        lambda app: app.teardown_request(lambda _: None),
        lambda app: app.teardown_appcontext(lambda _: None),
        wrap,
    ],
    ids=["route", "before", "after", "teardown", "context", "middleware"],
)
def test_whatever_a_host_adds_is_seen(app: ContractApp, extend: Callable[[Flask], object]) -> None:
    """Then every request goes through Flask, and through what was added."""
    extend(app)
    assert app.is_extended()
    assert 200 == app.test_client().get("/health/live").status_code
