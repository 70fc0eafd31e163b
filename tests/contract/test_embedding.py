"""textmill inside somebody else's app: the operations are there, and the host stays the master."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated

import flask
import httpx2
import pytest
from fastapi import Depends, FastAPI, Header, HTTPException
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.testclient import TestClient

from tests.contract.conftest import FRAMEWORKS, wait_until_ready
from textmill.contracts.problems import Problem
from textmill.contracts.routes import ROUTES
from textmill.runtimes.registry import DEFAULT_MODELS
from textmill.service.lifecycle import create_service
from textmill.service.messages import Request
from textmill.service.service import Service
from textmill.settings import Settings
from textmill.web import fastapi as on_fastapi
from textmill.web import flask as on_flask

ROOT = "http://host"
BASE = f"{ROOT}/nlp"
JSON = {"content-type": "application/json"}
KEY = {"x-key": "open sesame"}
GOOD = {"text": "I love it."}


def small_service(framework: str) -> Service:
    """A service with the one small model."""
    models = {"sentiment": {"path": DEFAULT_MODELS["sentiment"].path}}
    return create_service(Settings.load(server={"framework": framework}, models=models))


def require_key(x_key: Annotated[str | None, Header()] = None) -> None:
    """The host's own login."""
    if x_key != KEY["x-key"]:
        raise HTTPException(401, "the host's own refusal")


def fastapi_host(service: Service, events: list[str]) -> FastAPI:
    """An app that had its own routes and lifespan before textmill came."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        events.append("host began")
        yield
        events.append("host ended")

    host = FastAPI(title="host", lifespan=lifespan)

    @host.get("/own")
    def own() -> dict[str, str]:
        return {"from": "host"}

    host.include_router(on_fastapi.router(service), prefix="/nlp", dependencies=[Depends(require_key)])
    return host


def flask_host(service: Service, events: list[str]) -> flask.Flask:
    """An app with its own route, its own 404 page and its own login."""
    host = flask.Flask("host")
    events.append("host began")

    @host.get("/own")
    def own() -> dict[str, str]:
        return {"from": "host"}

    @host.errorhandler(404)
    def not_found(_: Exception) -> tuple[str, int]:
        return "the host's own page", 404

    @host.before_request
    def require_login() -> tuple[str, int] | None:
        if flask.request.path.startswith("/nlp") and flask.request.headers.get("x-key") != KEY["x-key"]:
            return "the host's own refusal", 401
        return None

    host.register_blueprint(on_flask.blueprint(service), url_prefix="/nlp")
    return host


@contextmanager
def hosting(framework: str, events: list[str]) -> Iterator[httpx2.Client]:
    """A client of a host app, with the host's key; a relative URL is below textmill's prefix."""
    service = small_service(framework)
    if framework == "fastapi":
        with TestClient(fastapi_host(service, events), base_url=BASE, headers=KEY) as client:
            yield client
    else:
        transport = httpx2.WSGITransport(app=flask_host(service, events))
        with httpx2.Client(transport=transport, base_url=BASE, headers=KEY) as client:
            yield client
        service.close()


@pytest.fixture(scope="module", params=FRAMEWORKS)
def host(request: pytest.FixtureRequest) -> Iterator[httpx2.Client]:
    """The same claims on each framework."""
    with hosting(request.param, []) as client:
        wait_until_ready(client)
        yield client


def test_the_operations_work_below_the_prefix(host: httpx2.Client) -> None:
    """The guide's call, the typed call with its path parameter, and what tells about the server."""
    assert {"sentiment": "positive"} == host.post("/predict", json=GOOD).json()
    answer = host.post("/v1/models/sentiment/predict", json={"texts": ["I love it.", "Terrible."]})
    assert 200 == answer.status_code
    assert ["sentiment"] == [model["name"] for model in host.get("/v1/models").json()["models"]]
    assert "sentiment" == host.get("/v1/models/sentiment").json()["name"]
    assert 200 == host.get("/health/live").status_code
    assert "swagger" in host.get("/docs").text.lower()


def test_a_wrong_request_gets_its_problem_below_the_prefix(host: httpx2.Client) -> None:
    """The contract's own problems, with the request's id."""
    for path, body, status, code in (
        ("/predict", {}, 422, "body-invalid"),
        ("/v1/models/spam/predict", GOOD, 404, "model-unknown"),
        ("/problems/none", None, 404, "route-not-found"),
    ):
        method = "GET" if body is None else "POST"
        answer = host.request(method, path, json=body, headers={"x-request-id": "mine"})
        problem = Problem.model_validate_json(answer.content)
        assert (status, status, code) == (answer.status_code, problem.status, problem.code)
        assert "mine" == problem.request_id == answer.headers["x-request-id"]


def test_the_hosts_login_is_enforced(host: httpx2.Client) -> None:
    """Without its key nothing of textmill is reached: the refusal is the host's."""
    for method, path in (("POST", "/predict"), ("GET", "/v1/models"), ("GET", "/health/ready")):
        answer = host.request(method, path, headers={"x-key": "wrong"})
        assert (401, True) == (answer.status_code, "the host's own refusal" in answer.text)
        assert "x-request-id" not in answer.headers


def test_the_hosts_own_routes_are_unaffected(host: httpx2.Client) -> None:
    """They need no key here, and what is unknown is the host's to answer."""
    assert {"from": "host"} == host.get(f"{ROOT}/own", headers={"x-key": ""}).json()
    for path in (f"{ROOT}/predict", f"{ROOT}/nlp/none", f"{ROOT}/none"):
        answer = host.get(path)
        assert 404 == answer.status_code
        assert "problem" not in answer.headers["content-type"]


def test_a_hosts_own_404_page_stays() -> None:
    """A Flask host's page is shown for its own unknown paths, and for unknown ones below the prefix."""
    with hosting("flask", []) as client:
        assert "the host's own page" == client.get(f"{ROOT}/none").text
        assert "the host's own page" == client.get("/none").text


def test_the_operations_show_in_a_fastapi_hosts_document() -> None:
    """With request and reply schemas, in a document that stays valid."""
    with hosting("fastapi", []) as client:
        document = client.get(f"{ROOT}/openapi.json").json()
    assert [] == list(OpenAPIV31SpecValidator(document).iter_errors())
    assert "/own" in document["paths"]
    for route in ROUTES:
        described = document["paths"].get(f"/nlp{route.path}", {}).get(route.method.lower())
        assert (route.documented and route.feature is None) == (described is not None)
        if described is None:
            continue
        assert route.operation == described["operationId"]
        reply = described["responses"]["200"]["content"]["application/json"]["schema"]
        assert {"$ref", "anyOf"} & reply.keys()
        if route.request:
            body = described["requestBody"]["content"]["application/json"]["schema"]
            assert "properties" in body or "properties" in body["anyOf"][0]


def test_the_service_lives_as_long_as_a_fastapi_host() -> None:
    """It starts and closes with the host's lifespan, beside the host's own."""
    service, events = small_service("fastapi"), list[str]()
    lane = service.engine.lanes["sentiment"]
    with TestClient(fastapi_host(service, events), base_url=BASE, headers=KEY) as client:
        wait_until_ready(client)
        assert (["host began"], "ready") == (events, lane.state)
    assert ["host began", "host ended"] == events
    answer = service.finish(service.begin(Request("POST", "/predict", JSON, b'{"text":"a"}')))
    assert 503 == answer.status


def test_two_services_fit_into_one_host() -> None:
    """Each below its own prefix: a Flask host names the second blueprint."""
    host = flask.Flask("host")
    services = [small_service("flask"), small_service("flask")]
    host.register_blueprint(on_flask.blueprint(services[0]), url_prefix="/one")
    host.register_blueprint(on_flask.blueprint(services[1], "second"), url_prefix="/two")
    with httpx2.Client(transport=httpx2.WSGITransport(app=host), base_url=ROOT) as client:
        assert [200, 200] == [client.get(f"/{name}/health/live").status_code for name in ("one", "two")]
    for service in services:
        service.close()


@pytest.mark.parametrize("auth", ["none", "required"])
def test_a_fastapi_hosts_document_shows_how_to_come_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, auth: str
) -> None:
    """Each operation that takes a scope says which credentials it takes; where nobody is asked, none does."""
    monkeypatch.chdir(tmp_path)
    host = FastAPI()
    host.include_router(
        on_fastapi.router(create_service(Settings.load(security={"auth": auth}))), prefix="/nlp"
    )
    document = host.openapi()
    shown = document["paths"]["/nlp/predict"]["post"].get("security", [])
    assert ([{"ApiKey": []}, {"Bearer": []}] if auth == "required" else []) == shown
    assert "security" not in document["paths"]["/nlp/health/live"]["get"]
    assert [] == list(OpenAPIV31SpecValidator(document).iter_errors())
