"""Reasons over HTTP: exact, with the places of their terms, in the caller's own unit."""

from __future__ import annotations

import math

import httpx2
import pytest

from textmill.contracts.classification import ClassificationReply, ClassificationResult

SENTIMENT = "/v1/models/sentiment/predict"
TEXT = "👍🏽 I loved it, loved it! But the end was terrible."


def explained(client: httpx2.Client, **options: object) -> ClassificationResult:
    """The answer for one text, with reasons."""
    answer = client.post(SENTIMENT, json={"text": TEXT, "explain": True, **options})
    result = ClassificationReply.model_validate_json(answer.content).result
    assert result is not None
    return result


def test_contributions_add_up_to_the_decision_and_the_decision_gives_the_score(
    client: httpx2.Client,
) -> None:
    """Of two labels the second is explained; its score is the decision's sigmoid."""
    result = explained(client)
    (reasons,) = result.explanations or []
    total = reasons.base + sum(term.contribution for term in reasons.terms)
    assert total == pytest.approx(reasons.decision, abs=1e-9)
    scores = {score.label: score.score for score in result.scores}
    assert scores[reasons.label] == pytest.approx(1 / (1 + math.exp(-reasons.decision)), abs=1e-9)


@pytest.mark.parametrize(("unit", "codec", "width"), [("utf16", "utf-16-le", 2), ("utf8", "utf-8", 1)])
def test_places_count_in_the_callers_unit(client: httpx2.Client, unit: str, codec: str, width: int) -> None:
    """Cut from the encoded text, each place is the term."""
    (reasons,) = explained(client, offset_unit=unit).explanations or []
    encoded = TEXT.encode(codec)
    for term in reasons.terms:
        for place in term.places:
            found = encoded[place.start * width : place.end * width].decode(codec)
            assert term.term.split()[0] == found.lower().split()[0].strip(",!")


def test_a_term_is_told_at_every_place(client: httpx2.Client) -> None:
    """With code points, as Python slices."""
    (reasons,) = explained(client).explanations or []
    places = next(term.places for term in reasons.terms if term.term == "loved")
    assert ["loved", "loved"] == [TEXT[place.start : place.end] for place in places]


def test_nobody_gets_reasons_unasked(client: httpx2.Client) -> None:
    """Nor the unit of places that are not there."""
    answer = client.post(SENTIMENT, json={"text": TEXT}).json()
    assert "offset_unit" not in answer
    assert "explanations" not in answer["result"]


def test_every_text_of_a_list_is_explained(client: httpx2.Client) -> None:
    """And one that is refused has its problem."""
    answer = client.post(SENTIMENT, json={"texts": ["Good.", "", "Bad."], "explain": True}).json()
    assert "codepoint" == answer["offset_unit"]
    first, refused, last = answer["results"]
    assert "text-empty" == refused["error"]["code"]
    assert "good" in [term["term"] for term in first["result"]["explanations"][0]["terms"]]
    assert "bad" in [term["term"] for term in last["result"]["explanations"][0]["terms"]]


def test_the_card_says_which_models_explain(client: httpx2.Client) -> None:
    """And how a compiled runtime was proven."""
    sentiment, entities = (client.get(f"/v1/models/{name}").json() for name in ("sentiment", "entities"))
    assert (True, False) == (sentiment["explains"], entities["explains"])
    for card in (sentiment, entities):
        assert "compiled" == card["runtime"]
        assert card["verified"]["texts"] > 100
        assert 0 <= card["verified"]["largest_difference"] < 1e-3
