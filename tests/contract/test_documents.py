"""The API's own description: one OpenAPI document, its examples, problems, health and the API page."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from textmill.contracts.health import Health
from textmill.contracts.problems import ProblemKind, ProblemList
from textmill.contracts.routes import ROUTES, Route

DOCUMENTED = [route for route in ROUTES if route.documented and route.feature is None]
WITH_BODY = [route for route in DOCUMENTED if route.request]


def model_for(example: dict[str, Any]) -> str:
    """The served model that an example of the typed call is meant for."""
    return "entities" if "labels" in example else "sentiment"


def test_both_documents_are_identical(clients: dict[str, httpx2.Client]) -> None:
    """One contract, one document, to the byte."""
    first, second = (client.get("/openapi.json").content for client in clients.values())
    assert first == second


def test_the_document_is_valid(client: httpx2.Client) -> None:
    """OpenAPI 3.1, checked by a validator that is not ours."""
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


@pytest.mark.parametrize("route", DOCUMENTED, ids=lambda route: route.operation)
def test_every_route_is_documented(client: httpx2.Client, route: Route) -> None:
    """With its operation id, and every status its errors can have."""
    described = client.get("/openapi.json").json()["paths"][route.path][route.method.lower()]
    assert described["operationId"] == route.operation
    assert "200" in described["responses"]


@pytest.mark.parametrize("route", WITH_BODY, ids=lambda route: route.operation)
def test_every_documented_example_is_accepted(client: httpx2.Client, route: Route) -> None:
    """What the document shows works."""
    examples = route.examples
    assert examples
    for example in examples:
        answer = client.post(route.path.format(model=model_for(example)), json=example)
        assert answer.status_code == 200, (example, answer.text)


@pytest.mark.parametrize("route", DOCUMENTED, ids=lambda route: route.operation)
def test_a_good_call_answers_what_the_contract_says(client: httpx2.Client, route: Route) -> None:
    """Every route's 200 body is valid for its schema."""
    body = route.examples[0] if route.request else None
    path = route.path.format(model="sentiment", code="overloaded")
    answer = client.request(route.method, path, json=body) if body else client.request(route.method, path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == route.media_type
    route.reply[0].model_validate_json(answer.content)


def test_every_problem_has_its_page(client: httpx2.Client) -> None:
    """The `type` of a problem leads to its explanation."""
    listed = ProblemList.model_validate_json(client.get("/problems").content).problems
    assert len(listed) > 10
    for kind in listed:
        assert ProblemKind.model_validate_json(client.get(f"/problems/{kind.code}").content) == kind
        assert kind.explanation.endswith(".")
    assert client.get("/problems/no-such-thing").status_code == 404


def test_health_passes_and_is_never_cached(client: httpx2.Client) -> None:
    """Live and ready, with the state of each model."""
    live, ready = client.get("/health/live"), client.get("/health/ready")
    assert Health.model_validate_json(live.content).status == "pass"
    assert Health.model_validate_json(ready.content).models == {"entities": "ready", "sentiment": "ready"}
    assert ready.headers["cache-control"] == "no-store"


def test_head_answers_like_get_without_a_body(client: httpx2.Client) -> None:
    """Balancers may ask with HEAD."""
    answer = client.head("/health/ready")
    assert answer.status_code == 200


def test_the_api_page_needs_no_internet(client: httpx2.Client) -> None:
    """Every file it names comes from this server, under a policy that forbids inline scripts."""
    page = client.get("/docs")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(named) == 4
    for name in named:
        assert client.get(f"/{name}").status_code == 200, name
    assert "<script>" not in page.text


def test_a_known_document_is_not_sent_again(client: httpx2.Client) -> None:
    """ETag and If-None-Match."""
    etag = client.get("/openapi.json").headers["etag"]
    again = client.get("/openapi.json", headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert "content-length" not in again.headers


def test_a_safe_request_id_is_kept_and_another_replaced(client: httpx2.Client) -> None:
    """An id that could forge a log line is not taken over."""
    assert (
        client.get("/health/live", headers={"x-request-id": "abc.DEF-1_2"}).headers["x-request-id"]
        == "abc.DEF-1_2"
    )
    for unsafe in ("a b", "x" * 129, "a;b", ""):
        given = client.get("/health/live", headers={"x-request-id": unsafe}).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{32}", given)
