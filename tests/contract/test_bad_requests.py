"""Wrong requests: a clear problem, never a 500, the same on both frameworks to the byte."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.contract.bad_requests import BAD, JSON, Bad
from textmill.contracts.problems import Problem

COMPARED = ("content-type", "retry-after", "allow", "cache-control", "content-length")


def send(client: httpx2.Client, bad: Bad) -> httpx2.Response:
    """Send it with a fixed id, so that answers can be compared."""
    headers = {**bad.headers, "x-request-id": "the-same-id"}
    return client.request(bad.method, bad.path, content=bad.body, headers=headers)


def seen(answer: httpx2.Response) -> dict[str, Any]:
    """What a caller sees of an answer."""
    headers = {name: answer.headers.get(name) for name in COMPARED}
    return {"status": answer.status_code, "headers": headers, "body": answer.content}


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_wrong_request_gets_its_problem(client: httpx2.Client, bad: Bad) -> None:
    """The status, the stable code, and a sentence on what to do."""
    answer = send(client, bad)
    problem = Problem.model_validate_json(answer.content)
    assert (answer.status_code, problem.code) == (bad.status, bad.code)
    assert problem.status == bad.status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == problem.request_id == "the-same-id"
    assert problem.detail


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_both_frameworks_answer_the_same_bytes(clients: dict[str, httpx2.Client], bad: Bad) -> None:
    """Status, headers and body."""
    first, second = (seen(send(client, bad)) for client in clients.values())
    assert first == second


def test_a_wrong_method_names_the_right_ones(client: httpx2.Client) -> None:
    """405 comes with Allow."""
    assert client.put("/predict").headers["allow"] == "POST"
    assert client.post("/health/live").headers["allow"] == "GET, HEAD"


def test_an_unknown_model_is_told_the_known_ones(client: httpx2.Client) -> None:
    """404 names what is served."""
    answer = client.post("/v1/models/spam/predict", json={"text": "a"})
    assert "entities, sentiment" in answer.json()["detail"]


SECRET = "Kanarienvogel-4711"


@pytest.mark.parametrize(
    "body",
    [
        {"text": [SECRET]},
        {SECRET: 1, "text": "a"},
        {"text": "a", "top_k": SECRET},
        {"texts": [{"a": SECRET}]},
        [SECRET],
    ],
)
def test_no_error_repeats_what_the_caller_sent(client: httpx2.Client, body: object) -> None:
    """Neither values nor invented keys come back."""
    answer = client.post("/v1/models/sentiment/predict", json=body)
    assert answer.status_code == 422
    assert SECRET not in answer.text


def test_no_malformed_body_is_repeated(client: httpx2.Client) -> None:
    """Also not the key that stands there twice."""
    body = f'{{"{SECRET}":1,"{SECRET}":2}}'
    answer = client.post("/predict", content=body, headers=JSON)
    assert answer.status_code == 400
    assert SECRET not in answer.text


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["text", "texts", "top_k", "threshold", "labels", "offset_unit", "explain", "extra"])
BODIES = (
    st.binary(max_size=40)
    | ANYTHING.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(FIELDS, ANYTHING, max_size=3).map(lambda value: json.dumps(value).encode())
)
PATHS = st.sampled_from(["/predict", "/ner", "/v1/models/sentiment/predict", "/v1/models/entities/predict"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, path=PATHS)
@example(body=b'{"text":"\\u0000"}', path="/ner")
@example(body=b'{"text":" \\n\\t "}', path="/predict")
def test_whatever_arrives_is_answered_alike_and_never_with_a_500(
    clients: dict[str, httpx2.Client], body: bytes, path: str
) -> None:
    """Hypothesis: any bytes, any JSON, any known field with any value."""
    answers = [seen(send(client, Bad("any", 0, "", body, path=path))) for client in clients.values()]
    assert answers[0] == answers[1]
    assert answers[0]["status"] in (200, 400, 422)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)


@settings(max_examples=100, deadline=None)
@given(text=TEXTS)
@example(text="مرحبا يا Tim Cook في برلين")
@example(text="a\x00b")
@example(text="e\u0301\u200d👨‍👩‍👧 Berlin")
def test_any_real_text_is_answered_and_its_offsets_hold(clients: dict[str, httpx2.Client], text: str) -> None:
    """Every script, control characters, combining marks: 200, and offsets that cut out the entity."""
    for client in clients.values():
        answer = client.post("/ner", json={"text": text})
        assert answer.status_code == 200
        for entity in answer.json()["entities"]:
            assert text[entity["start"] : entity["end"]] == entity["text"]
        assert client.post("/predict", json={"text": text}).status_code == 200
