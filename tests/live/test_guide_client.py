"""A client that was written for the guide's servers, on ours: only the address is another."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import httpx2

from tests.live.running import Server


def post(url: str, data: dict[str, str]) -> dict[str, Any]:
    """As the guide's reader does it with the standard library."""
    request = urllib.request.Request(  # noqa: S310 - the address is the test's own server
        url, data=json.dumps(data).encode("utf-8"), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - as above
        found: dict[str, Any] = json.load(response)
        return found


def test_the_guides_sentiment_client_works_unchanged(server: Server) -> None:
    """POST /predict, then response["sentiment"]."""
    base = f"http://127.0.0.1:{server.port}"
    response = post(f"{base}/predict", {"text": "I love this product, it works wonderfully!"})
    assert "positive" == response["sentiment"]
    response = post(f"{base}/predict", {"text": "Terrible. It broke after a day, what a waste of money."})
    assert "negative" == response["sentiment"]
    assert ["sentiment"] == list(response)


def test_the_guides_entity_client_works_unchanged(server: Server) -> None:
    """POST /ner, then a loop over response["entities"]."""
    text = "Apple is looking at buying U.K. startup for $1 billion."
    response = post(f"http://127.0.0.1:{server.port}/ner", {"text": text})
    found = []
    for entity in response["entities"]:
        assert entity["text"] == text[entity["start"] : entity["end"]]
        found.append((entity["text"], entity["label"]))
    assert [("Apple", "ORG"), ("U.K.", "GPE"), ("$1 billion", "MONEY")] == found
    assert {"text", "label", "start", "end"} == set(response["entities"][0])


def test_a_client_with_a_requests_style_library_works_unchanged(server: Server) -> None:
    """`post(url, json=...)`, `response.status_code`, `response.json()`."""
    base = f"http://127.0.0.1:{server.port}"
    response = httpx2.post(f"{base}/predict", json={"text": "A wonderful film."})
    assert 200 == response.status_code
    assert "positive" == response.json()["sentiment"]
    response = httpx2.post(f"{base}/ner", json={"text": "Tim Cook lives in Berlin."})
    assert ["PERSON", "GPE"] == [entity["label"] for entity in response.json()["entities"]]
