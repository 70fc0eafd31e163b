"""Limits, the same on both frameworks: who is told what, what is refused, what is never counted."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.contract.conftest import FRAMEWORKS, wait_until_ready
from textmill.engine.engine import Engine
from textmill.runtimes.registry import DEFAULT_MODELS
from textmill.security.counters import Local
from textmill.security.guard import Guard
from textmill.security.principals import Principal, Quota, anonymous
from textmill.security.rates import Rates
from textmill.service.access import Access
from textmill.service.lifecycle import models
from textmill.service.messages import Request
from textmill.service.service import Service
from textmill.settings import Settings
from textmill.web import fastapi, flask

TEXT = {"text": "A plain sentence."}
TOLD = ("ratelimit", "ratelimit-policy", "retry-after")


class Names:
    """Knows a few callers by name; in the place of keys and tokens."""

    def takes(self, credential: str) -> bool:
        return credential.startswith("name-")

    def principal(self, credential: str) -> Principal:
        quota = Quota(requests="1/hour") if credential == "name-narrow" else None
        return Principal(credential, credential, "key", frozenset({"predict:*", "models:read"}), quota)

    def start(self) -> None: ...

    def close(self) -> None: ...

    def trouble(self) -> str | None:
        return None


class Serving:
    """A client for each framework of a service with these limits; time stands still."""

    def __init__(self, stack: ExitStack, *, guarded: bool, rates: dict[str, Any]) -> None:
        self.clients: dict[str, httpx2.Client] = {}
        self.limits: dict[str, Rates] = {}
        self.services: dict[str, Service] = {}
        for framework in FRAMEWORKS:
            self.clients[framework] = self._client(stack, framework, guarded=guarded, rates=rates)
        for client in self.clients.values():
            wait_until_ready(client)

    def _client(
        self, stack: ExitStack, framework: str, *, guarded: bool, rates: dict[str, Any]
    ) -> httpx2.Client:
        settings = Settings.load(
            server={"framework": framework},
            models={"sentiment": {"path": DEFAULT_MODELS["sentiment"].path}},
            rates=rates,
            security={"cors_origins": ["https://page.example"]},
        )
        guard = Guard([Names()], anonymous(())) if guarded else None
        self.limits[framework] = Rates(settings.rates, Local(lambda: 0.0))
        access = Access(guard, self.limits[framework], ("127.0.0.1",))
        service = Service(settings, Engine(models(settings)), access=access)
        self.services[framework] = service
        stack.callback(service.close)
        if framework == "fastapi":
            app = TestClient(fastapi.app(service), base_url="http://textmill", client=("127.0.0.1", 5000))
            return stack.enter_context(app)
        transport = httpx2.WSGITransport(app=flask.app(service), remote_addr="127.0.0.1")
        return stack.enter_context(httpx2.Client(transport=transport, base_url="http://textmill"))

    def ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """The answer of both, which must be the same."""
        first, second = (_seen(client.request(method, path, **options)) for client in self.clients.values())
        assert first == second
        return first


def _seen(answer: httpx2.Response) -> dict[str, Any]:
    code = answer.json().get("code") if answer.status_code >= 400 else None
    return {"status": answer.status_code, "code": code} | {name: answer.headers.get(name) for name in TOLD}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Ends what a test has started."""
    with ExitStack() as found:
        yield found


def caller(name: str) -> dict[str, str]:
    """The credentials of a caller."""
    return {"x-api-key": f"name-{name}"}


def test_requests_are_limited_and_callers_are_told(stack: ExitStack) -> None:
    """On admitted and on refused replies; other callers and health checks are not touched."""
    both = Serving(stack, guarded=True, rates={"requests": "2/hour", "texts": "10/hour"})
    policy = '"requests";q=2;w=3600, "texts";q=10;w=3600'
    assert {
        "status": 200,
        "code": None,
        "ratelimit": '"requests";r=1;t=3600, "texts";r=9;t=3600',
        "ratelimit-policy": policy,
        "retry-after": None,
    } == both.ask("POST", "/predict", json=TEXT, headers=caller("a"))
    assert '"requests";r=0;t=3600' == both.ask("GET", "/v1/models", headers=caller("a"))["ratelimit"]
    refused = both.ask("POST", "/predict", json=TEXT, headers=caller("a"))
    assert {
        "status": 429,
        "code": "rate-limited",
        "ratelimit": '"requests";r=0;t=3600',
        "ratelimit-policy": policy,
        "retry-after": "3601",
    } == refused
    assert 200 == both.ask("POST", "/predict", json=TEXT, headers=caller("b"))["status"]
    for _ in range(5):
        health = both.ask("GET", "/health/ready", headers=caller("a"))
        assert (200, None) == (health["status"], health["ratelimit-policy"])


def test_a_key_of_its_own_limits(stack: ExitStack) -> None:
    """They override the settings."""
    both = Serving(stack, guarded=True, rates={"requests": "100/hour"})
    first = both.ask("GET", "/v1/models", headers=caller("narrow"))
    assert '"requests";q=1;w=3600' == first["ratelimit-policy"]
    assert 429 == both.ask("GET", "/v1/models", headers=caller("narrow"))["status"]


def test_guessing_is_limited_by_address(stack: ExitStack) -> None:
    """Wrong credentials count; another address, as the trusted proxy tells it, does not suffer."""
    both = Serving(stack, guarded=True, rates={"address_requests": "3/hour"})
    wrong = {"x-api-key": "guess", "x-forwarded-for": "203.0.113.9, 192.0.2.1"}
    for _ in range(3):
        assert 401 == both.ask("GET", "/v1/models", headers=wrong)["status"]
    refused = both.ask("GET", "/v1/models", headers=wrong)
    assert (429, '"address";r=0;t=3600') == (refused["status"], refused["ratelimit"])
    assert (
        429 == both.ask("GET", "/v1/models", headers=caller("a") | {"x-forwarded-for": "192.0.2.1"})["status"]
    )
    assert (
        200 == both.ask("GET", "/v1/models", headers=caller("a") | {"x-forwarded-for": "192.0.2.2"})["status"]
    )


def test_texts_and_characters_are_limited_before_they_are_computed(stack: ExitStack) -> None:
    """A call that is refused is not charged, and a smaller one still fits."""
    both = Serving(stack, guarded=False, rates={"texts": "3/hour", "characters": "20/hour"})
    path = "/v1/models/sentiment/predict"
    assert 429 == both.ask("POST", path, json={"texts": ["a"] * 4})["status"]
    assert 429 == both.ask("POST", path, json={"texts": ["a", "b" * 20]})["status"]
    served = both.ask("POST", path, json={"texts": ["a", "", "b"]})
    assert '"texts";r=1;t=3600, "characters";r=18;t=3600' == served["ratelimit"]
    assert 200 == both.ask("POST", "/predict", json={"text": "c"})["status"]
    refused = both.ask("POST", "/predict", json={"text": "d"})
    assert (429, "3601") == (refused["status"], refused["retry-after"])


def test_without_credentials_addresses_are_callers(stack: ExitStack) -> None:
    """With `auth = "none"`."""
    both = Serving(stack, guarded=False, rates={"requests": "1/hour"})
    assert 200 == both.ask("GET", "/v1/models", headers={"x-forwarded-for": "2001:db8::1"})["status"]
    assert 429 == both.ask("GET", "/v1/models", headers={"x-forwarded-for": "2001:db8::2"})["status"]
    assert 200 == both.ask("GET", "/v1/models", headers={"x-forwarded-for": "2001:db9::1"})["status"]


def test_a_place_is_given_back_in_every_way(stack: ExitStack) -> None:
    """After an answer, after each kind of error, and where a browser only asks before it calls."""
    both = Serving(stack, guarded=True, rates={"concurrent": 1})
    asked: list[tuple[int, str, str, dict[str, Any]]] = [
        (200, "POST", "/predict", {"json": TEXT}),
        (400, "POST", "/predict", {"content": b"{", "headers": {"content-type": "application/json"}}),
        (422, "POST", "/predict", {"json": {"text": ""}}),
        (404, "POST", "/v1/models/none/predict", {"json": TEXT}),
        (404, "GET", "/nowhere", {}),
        (405, "GET", "/predict", {}),
        (
            204,
            "OPTIONS",
            "/predict",
            {"headers": {"origin": "https://page.example", "access-control-request-method": "POST"}},
        ),
        (200, "GET", "/v1/models", {}),
    ]
    for status, method, path, options in asked:
        headers = caller("a") | options.get("headers", {})
        answer = [
            client.request(method, path, **{**options, "headers": headers}).status_code
            for client in both.clients.values()
        ]
        assert [status] * 2 == answer, path
        assert [0, 0] == [len(limits.places) for limits in both.limits.values()]


def test_so_many_at_once(stack: ExitStack) -> None:
    """While one request is open, the next is refused for a second."""
    both = Serving(stack, guarded=True, rates={"concurrent": 1})
    open_ones = [limits.visit("192.0.2.1") for limits in both.limits.values()]
    for visit in open_ones:
        visit.enter(Names().principal("name-a"))
    refused = both.ask("GET", "/v1/models", headers=caller("a"))
    assert (429, "1") == (refused["status"], refused["retry-after"])
    for visit in open_ones:
        visit.leave()
    assert 200 == both.ask("GET", "/v1/models", headers=caller("a"))["status"]


def test_a_caller_that_leaves_gives_its_place_back(stack: ExitStack) -> None:
    """Before the answer is finished, and where nobody says so."""
    both = Serving(stack, guarded=False, rates={"concurrent": 1})
    for framework, service in both.services.items():
        request = Request("GET", "/v1/models", {}, peer="192.0.2.1")
        places = both.limits[framework].places
        exchange = service.begin(request)
        assert 1 == len(places)
        service.abandon(exchange)
        service.finish(exchange)
        assert 0 == len(places)
        request.grant = None
        service.begin(request)
        request.grant = None
        gc.collect()
        assert 0 == len(places)
