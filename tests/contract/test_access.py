"""Who may ask what: the same answers on both frameworks, with a real store of keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import httpx2
import pytest

from tests.contract.conftest import FRAMEWORKS, serving, wait_until_ready
from textmill.contracts.problems import Problem
from textmill.contracts.routes import ROUTES, Route
from textmill.security.keys import issue, successor
from textmill.security.store import KeyStore

REFRESH_SECONDS = 0.1
TEXT = {"text": "I love Berlin."}
SCOPES = {
    "all": ["predict:*"],
    "sentiment": ["predict:sentiment"],
    "reader": ["models:read"],
    "admin": ["admin"],
    "metrics": ["metrics:read"],
}
HEALTH = ("/health/live", "/health/ready")
DOCUMENTS = ("/docs", "/docs/page.js", "/openapi.json", "/problems", "/problems/overloaded")
COMPARED = (
    *("content-type", "content-length", "www-authenticate", "cache-control", "retry-after", "allow"),
    *("x-content-type-options", "referrer-policy", "etag"),
)
Clients: TypeAlias = dict[str, httpx2.Client]
Headers: TypeAlias = dict[str, str]


def path_of(route: Route) -> str:
    """A path of the operation that exists."""
    return route.path.format(model="sentiment", code="overloaded", asset="page.js")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the keys are."""
    return f"sqlite:///{tmp_path_factory.mktemp('keys')}/keys.sqlite"


@pytest.fixture(scope="module")
def store(url: str) -> Iterator[KeyStore]:
    """What `textmill keys` writes to."""
    with closing(KeyStore(url)) as found:
        found.prepare()
        yield found


@pytest.fixture(scope="module")
def keys(store: KeyStore) -> dict[str, str]:
    """A key for each kind of caller, by name; one has ended, one is revoked, one was never kept."""
    now = datetime.now(UTC)
    made = {name: issue(name, scopes, pepper=b"", now=now) for name, scopes in SCOPES.items()}
    long_ago = now - timedelta(days=2)
    made["expired"] = issue(
        "expired", ["admin"], pepper=b"", now=long_ago, expires=long_ago + timedelta(days=1)
    )
    made["revoked"] = issue("revoked", ["admin"], pepper=b"", now=now)
    for issued in made.values():
        store.add(issued.key)
    store.revoke("revoked", now)
    made["unknown"] = successor(made["admin"].key, pepper=b"", now=now)
    return {name: issued.text for name, issued in made.items()}


@pytest.fixture(scope="module")
def guarded(url: str, keys: dict[str, str]) -> Iterator[Clients]:
    """A client for each framework, of services that ask for keys."""
    assert keys
    flags: dict[str, Any] = {
        "security": {"auth": "required", "docs": "closed"},
        "keys": {"store": url, "refresh_seconds": REFRESH_SECONDS},
    }
    with serving("fastapi", **flags) as first, serving("flask", **flags) as second:
        found = dict(zip(FRAMEWORKS, (first, second), strict=True))
        for client in found.values():
            wait_until_ready(client)
        yield found


@pytest.fixture(params=FRAMEWORKS)
def door(request: pytest.FixtureRequest, guarded: Clients) -> httpx2.Client:
    """The same test on each framework."""
    return guarded[request.param]


def ask(client: httpx2.Client, route: Route, headers: Headers) -> httpx2.Response:
    """A good call of an operation."""
    body = TEXT if route.method == "POST" else None
    return client.request(
        route.method, path_of(route), json=body, headers={**headers, "x-request-id": "same"}
    )


def problem(answer: httpx2.Response) -> Problem:
    """The problem of an answer, which is one."""
    assert "application/problem+json" == answer.headers["content-type"]
    return Problem.model_validate_json(answer.content)


def eventually(happened: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether something becomes true in time."""
    until = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


OURS = [route for route in ROUTES if route.feature is None]
"""What is always there; tokens have tests of their own."""
PROTECTED = [route for route in OURS if route.tag != "health"]


@pytest.mark.parametrize("route", PROTECTED, ids=lambda route: route.operation)
def test_nobody_comes_in_without_a_key(door: httpx2.Client, route: Route) -> None:
    """401 with a challenge that promises nothing, for every operation but health."""
    answer = ask(door, route, {})

    assert (401, "credentials-missing") == (answer.status_code, problem(answer).code)
    assert 'Bearer realm="textmill"' == answer.headers["www-authenticate"]
    assert "no-store" == answer.headers["cache-control"]


@pytest.mark.parametrize("route", PROTECTED, ids=lambda route: route.operation)
@pytest.mark.parametrize("name", ["expired", "revoked", "unknown"])
def test_a_key_that_is_not_valid_is_no_key(
    door: httpx2.Client, keys: dict[str, str], route: Route, name: str
) -> None:
    """Which fault it has, nobody is told."""
    answer = ask(door, route, {"x-api-key": keys[name]})

    assert (401, "credentials-invalid") == (answer.status_code, problem(answer).code)
    assert 'Bearer realm="textmill", error="invalid_token"' == answer.headers["www-authenticate"]
    assert "The credentials are not valid here: unknown, expired or revoked." == problem(answer).detail


@pytest.mark.parametrize("path", HEALTH)
@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, {"authorization": "Basic eDp5"}])
def test_health_is_open_to_everybody(door: httpx2.Client, path: str, headers: Headers) -> None:
    """Whatever they bring."""
    assert 200 == door.get(path, headers=headers).status_code


@pytest.mark.parametrize("header", ["x-api-key", "authorization"])
def test_a_key_opens_by_either_header(door: httpx2.Client, keys: dict[str, str], header: str) -> None:
    """The guide's calls, and those for a list."""
    headers = {header: keys["all"] if header == "x-api-key" else f"Bearer {keys['all']}"}

    assert {"sentiment": "positive"} == door.post("/predict", json=TEXT, headers=headers).json()
    entities = door.post("/ner", json=TEXT, headers=headers).json()["entities"]
    assert ["Berlin"] == [entity["text"] for entity in entities]
    several = {"texts": ["I love it.", "", "I hate it."]}
    answer = door.post("/v1/models/sentiment/predict", json=several, headers=headers)
    assert (200, 3) == (answer.status_code, len(answer.json()["results"]))


@pytest.mark.parametrize(
    ("name", "method", "path", "scope"),
    [
        ("sentiment", "POST", "/ner", "predict:entities"),
        ("sentiment", "POST", "/v1/models/entities/predict", "predict:entities"),
        ("sentiment", "POST", "/v1/models/nothing/predict", "predict:nothing"),
        ("sentiment", "GET", "/v1/models", "models:read"),
        ("all", "GET", "/v1/models/sentiment", "models:read"),
        ("all", "GET", "/docs", "models:read"),
        ("reader", "POST", "/predict", "predict:sentiment"),
        ("reader", "POST", "/v1/models/sentiment/predict", "predict:sentiment"),
        ("metrics", "GET", "/openapi.json", "models:read"),
        ("metrics", "POST", "/predict", "predict:sentiment"),
    ],
)
def test_who_may_not_is_told_what_it_takes(
    door: httpx2.Client, keys: dict[str, str], name: str, method: str, path: str, scope: str
) -> None:
    """403, with the scope in the problem and in the challenge."""
    body = TEXT if method == "POST" else None
    answer = door.request(method, path, json=body, headers={"x-api-key": keys[name]})

    assert (403, "scope-missing") == (answer.status_code, problem(answer).code)
    assert repr(scope) in problem(answer).detail
    challenge = f'Bearer realm="textmill", error="insufficient_scope", scope="{scope}"'
    assert challenge == answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("name", "method", "path"),
    [
        ("sentiment", "POST", "/predict"),
        ("sentiment", "POST", "/v1/models/sentiment/predict"),
        ("reader", "GET", "/v1/models"),
        ("reader", "GET", "/v1/models/entities"),
        *(("reader", "GET", path) for path in DOCUMENTS),
        *(("admin", route.method, path_of(route)) for route in OURS),
    ],
)
def test_who_may_comes_in(
    door: httpx2.Client, keys: dict[str, str], name: str, method: str, path: str
) -> None:
    """Each with the scope that it takes; an admin everywhere."""
    body = TEXT if method == "POST" else None
    answer = door.request(method, path, json=body, headers={"x-api-key": keys[name]})
    assert 200 == answer.status_code, answer.text


def test_a_name_that_cannot_be_a_models_is_not_repeated(door: httpx2.Client, keys: dict[str, str]) -> None:
    """Neither in the problem nor in a header."""
    answer = door.post('/v1/models/x"%0d%0aY: z/predict', json=TEXT, headers={"x-api-key": keys["reader"]})

    assert answer.status_code in {403, 404}
    assert "y" not in answer.headers
    assert "Y: z" not in answer.text + str(answer.headers)


MALFORMED = [
    "tm_",
    "with space",
    "comma,comma",
    'quote"',
    "a" * 8193,
    "x\ty",
    "a;b",
    "=",
    "null",
]


@pytest.mark.parametrize("value", MALFORMED, ids=lambda value: value[:12])
@pytest.mark.parametrize("header", ["x-api-key", "authorization"])
def test_what_is_no_key_is_refused_and_not_repeated(door: httpx2.Client, header: str, value: str) -> None:
    """Truncated, oversized, or with what no key has."""
    sent = value if header == "x-api-key" else f"Bearer {value}"
    answer = door.post("/predict", json=TEXT, headers={header: sent})

    assert (401, "credentials-invalid") == (answer.status_code, problem(answer).code)
    if len(value) > 5:
        assert value not in answer.text
    assert len(answer.content) < 500


@pytest.mark.parametrize("value", ["Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "", "tm_x", "Digest a=b"])
def test_another_scheme_is_refused(door: httpx2.Client, value: str) -> None:
    """With the two that are taken."""
    answer = door.post("/predict", json=TEXT, headers={"authorization": value})
    assert (401, "credentials-invalid") == (answer.status_code, problem(answer).code)


def test_a_key_with_its_last_character_missing_or_doubled_is_wrong(
    door: httpx2.Client, keys: dict[str, str]
) -> None:
    """So is one in the other case."""
    key = keys["all"]
    for wrong in (key[:-1], key + key[-1], key.upper(), key[:-1] + chr(ord(key[-1]) ^ 1)):
        assert 401 == door.post("/predict", json=TEXT, headers={"x-api-key": wrong}).status_code


def test_two_credentials_at_once_are_ambiguous(door: httpx2.Client, keys: dict[str, str]) -> None:
    """400, even where both are the same."""
    both = {"x-api-key": keys["all"], "authorization": f"Bearer {keys['all']}"}
    answer = door.post("/predict", json=TEXT, headers=both)

    assert (400, "credentials-ambiguous") == (answer.status_code, problem(answer).code)
    assert keys["all"] not in answer.text


def test_the_key_is_asked_for_before_the_body_is_read(door: httpx2.Client) -> None:
    """Whoever has none learns nothing of what is wrong with it."""
    answer = door.post("/predict", content=b"{", headers={"content-type": "text/plain"})
    assert (401, "credentials-missing") == (answer.status_code, problem(answer).code)


def test_a_path_that_is_not_there_is_not_there_for_anybody(door: httpx2.Client) -> None:
    """What is there stands in the documentation anyway."""
    assert 404 == door.get("/v2").status_code
    assert 405 == door.get("/predict").status_code


def test_the_document_shows_how_to_come_in(door: httpx2.Client, keys: dict[str, str]) -> None:
    """Both schemes, and for each operation that takes a scope its three answers; the closed ones too."""
    document = door.get("/openapi.json", headers={"x-api-key": keys["reader"]}).json()

    assert {"ApiKey", "Bearer"} <= set(document["components"]["securitySchemes"])
    for route in OURS:
        if route.documented and route.tag != "health":
            operation = document["paths"][route.path][route.method.lower()]
            assert {"ApiKey", "Bearer"} <= {name for scheme in operation["security"] for name in scheme}
            assert {"401", "403", "429", "503"} <= set(operation["responses"])


def test_both_frameworks_answer_the_same_bytes(guarded: Clients, keys: dict[str, str]) -> None:
    """Status, headers and body of every operation, for every caller."""
    first, second = guarded.values()
    for route in OURS:
        for headers in ({}, *({"x-api-key": key} for key in keys.values()), {"authorization": "Basic x"}):
            if route.operation == "get_model" and headers.get("x-api-key") in {keys["reader"], keys["admin"]}:
                continue  # the executor of a model depends on the framework's threads
            assert seen(ask(first, route, headers)) == seen(ask(second, route, headers))


def seen(answer: httpx2.Response) -> dict[str, Any]:
    """What a caller sees of an answer."""
    headers = {name: answer.headers.get(name) for name in COMPARED}
    return {"status": answer.status_code, "headers": headers, "body": answer.content}


def test_a_new_key_opens_and_a_revoked_one_closes_within_a_moment(
    door: httpx2.Client, store: KeyStore
) -> None:
    """Nothing is restarted; a rotated key opens beside its successor until its time."""
    issued = issue("guest", ["predict:*"], pepper=b"", now=datetime.now(UTC))

    def status(key: str) -> int:
        return door.post("/predict", json=TEXT, headers={"x-api-key": key}).status_code

    assert 401 == status(issued.text)
    store.add(issued.key)
    assert eventually(lambda: status(issued.text) == 200)
    later = store.rotate(issued.key.id, datetime.now(UTC), timedelta(hours=1))
    assert eventually(lambda: status(later.text) == 200)
    assert 200 == status(issued.text)
    store.revoke(issued.key.id, datetime.now(UTC))
    assert eventually(lambda: status(issued.text) == 401)
    assert 200 == status(later.text)
    store.revoke(later.key.id, datetime.now(UTC))


def test_while_the_store_is_away_nobody_comes_in(
    door: httpx2.Client,
    guarded: Clients,
    keys: dict[str, str],
    url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """503, readiness says why and not where, and the log both; when it is back, all is as before."""
    file = Path(url.removeprefix("sqlite:///"))
    away = file.with_suffix(".away")
    file.rename(away)
    try:
        assert eventually(lambda: door.get("/health/ready").status_code == 503)
        answer = door.post("/predict", json=TEXT, headers={"x-api-key": keys["all"]})
        reason = door.get("/health/ready").json()["reason"]
        live = door.get("/health/live").status_code
    finally:
        away.rename(file)
    assert (503, "auth-unavailable") == (answer.status_code, problem(answer).code)
    assert "1" == answer.headers["retry-after"]
    assert reason.startswith("the key store cannot be read: there is no such file")
    assert str(file.parent) not in reason + answer.text
    assert 200 == live
    assert str(file) in caplog.text
    for each in guarded.values():  # the other one, too, has seen it gone
        assert eventually(lambda each=each: each.get("/health/ready").status_code == 200)  # type: ignore[misc]  # mypy knows no defaults of lambdas
    assert 200 == door.post("/predict", json=TEXT, headers={"x-api-key": keys["all"]}).status_code


def test_no_key_reaches_the_log(
    door: httpx2.Client, keys: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """Right or wrong."""
    caplog.set_level(0)
    for key in keys.values():
        ask(door, ROUTES[0], {"x-api-key": key})
        ask(door, ROUTES[0], {"authorization": f"Bearer {key}"})
        ask(door, ROUTES[0], {"authorization": key})

    assert [] == [name for name, key in keys.items() if key.rpartition("_")[2] in caplog.text]
