"""What browsers are told: which pages may call, and how to treat the answers. The same on both frameworks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.contract.conftest import FRAMEWORKS, serving
from textmill.runtimes.registry import DEFAULT_MODELS

OURS = {"origin": "https://app.example.com"}
ASKS = {"access-control-request-method": "POST", "access-control-request-headers": "x-api-key"}
PREDICT = "/v1/models/sentiment/predict"


@pytest.fixture(params=FRAMEWORKS, scope="module")
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A client of a service that asks for credentials and knows one origin."""
    folder: Path = tmp_path_factory.mktemp("browsers")
    with serving(
        request.param,
        models={"sentiment": {"path": DEFAULT_MODELS["sentiment"].path}},
        security={"auth": "required", "cors_origins": ["https://app.example.com"], "hsts_seconds": 3600},
        keys={"store": f"sqlite:///{folder}/keys.sqlite"},
    ) as client:
        yield client


def test_a_page_of_ours_may_ask_before_it_calls(shop: httpx2.Client) -> None:
    """Without credentials, which browsers never send with this question."""
    answer = shop.options(PREDICT, headers=OURS | ASKS)
    assert (204, b"", False) == (answer.status_code, answer.content, "content-length" in answer.headers)
    assert OURS["origin"] == answer.headers["access-control-allow-origin"]
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "X-API-Key" in answer.headers["access-control-allow-headers"]


def test_another_page_may_not(shop: httpx2.Client) -> None:
    """Its question is a call with a wrong method, and nothing is allowed."""
    answer = shop.options(PREDICT, headers={"origin": "https://evil.example.com"} | ASKS)
    assert 405 == answer.status_code
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("path", "status"), [(PREDICT, 401), ("/nowhere", 404), ("/health/live", 200)])
def test_a_page_of_ours_can_read_every_answer(shop: httpx2.Client, path: str, status: int) -> None:
    """Refusals too, with the headers that say when to come again."""
    answer = shop.request("POST" if path == PREDICT else "GET", path, headers=OURS)
    assert status == answer.status_code
    assert OURS["origin"] == answer.headers["access-control-allow-origin"]
    assert "Retry-After" in answer.headers["access-control-expose-headers"]
    assert "origin" == answer.headers["vary"]


@pytest.mark.parametrize("path", [PREDICT, "/nowhere", "/health/ready", "/docs", "/openapi.json"])
def test_every_answer_is_safe_for_browsers(shop: httpx2.Client, path: str) -> None:
    """Its type is not guessed, its address not passed on, and HTTPS is kept to where that is set."""
    answer = shop.get(path)
    assert "nosniff" == answer.headers["x-content-type-options"]
    assert "no-referrer" == answer.headers["referrer-policy"]
    assert "max-age=3600" == answer.headers["strict-transport-security"]
