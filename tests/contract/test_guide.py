"""The guide's own calls: a client written for its servers works unchanged."""

from __future__ import annotations

import httpx2


def test_the_guides_sentiment_call_is_answered_as_the_guide_does(client: httpx2.Client) -> None:
    """`{"text"}` in, `{"sentiment"}` out, and nothing else."""
    assert client.post("/predict", json={"text": "I love this product!"}).json() == {"sentiment": "positive"}
    assert client.post("/predict", json={"text": "A terrible waste of money."}).json() == {
        "sentiment": "negative"
    }


def test_the_guides_entity_call_is_answered_as_the_guide_does(client: httpx2.Client) -> None:
    """`{"text"}` in, entities with text, label, start and end out."""
    text = "Apple is looking at buying a startup in London for $1 billion."
    answer = client.post("/ner", json={"text": text})
    assert answer.json() == {
        "entities": [
            {"text": "Apple", "label": "ORG", "start": 0, "end": 5},
            {"text": "London", "label": "GPE", "start": 40, "end": 46},
            {"text": "$1 billion", "label": "MONEY", "start": 51, "end": 61},
        ]
    }
    for entity in answer.json()["entities"]:
        assert text[entity["start"] : entity["end"]] == entity["text"]
