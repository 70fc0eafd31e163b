"""The typed calls under /v1."""

from __future__ import annotations

import httpx2
import pytest

from textmill.contracts.classification import ClassificationReply
from textmill.contracts.entities import EntitiesReply
from textmill.contracts.models import ModelCard, ModelList

SENTIMENT = "/v1/models/sentiment/predict"
ENTITIES = "/v1/models/entities/predict"


def test_the_models_are_listed(client: httpx2.Client) -> None:
    """Name, state and task of each."""
    listed = ModelList.model_validate_json(client.get("/v1/models").content)
    assert [(model.name, model.state, model.task) for model in listed.models] == [
        ("entities", "ready", "entities"),
        ("sentiment", "ready", "classification"),
    ]


@pytest.mark.parametrize("name", ["entities", "sentiment"])
def test_a_model_card_tells_what_computes(client: httpx2.Client, name: str) -> None:
    """Labels, library, digest, and which runtime answers and why."""
    card = ModelCard.model_validate_json(client.get(f"/v1/models/{name}").content)
    assert card.labels
    assert card.digest is not None
    assert card.digest.startswith("sha256:")
    assert len(card.digest) == len("sha256:") + 64
    assert card.runtime_reason
    assert card.executor in ("inline", "thread", "process")
    assert card.quality
    assert card.licence


def test_one_text_gets_all_scores(client: httpx2.Client) -> None:
    """Scores are sorted and add up to one."""
    answer = ClassificationReply.model_validate_json(
        client.post(SENTIMENT, json={"text": "Simply wonderful."}).content
    )
    assert answer.result is not None
    assert answer.result.label == "positive"
    assert [score.label for score in answer.result.scores] == ["positive", "negative"]
    assert sum(score.score for score in answer.result.scores) == pytest.approx(1)


def test_an_uncertain_text_gets_no_label(client: httpx2.Client) -> None:
    """Below the threshold there is no label, and no score is listed."""
    result = client.post(SENTIMENT, json={"text": "It exists.", "threshold": 1.0}).json()["result"]
    assert result["label"] is None
    assert result["scores"] == []
    assert 0.5 <= result["score"] < 1


def test_top_k_cuts_the_list(client: httpx2.Client) -> None:
    """Only the highest labels are listed."""
    result = client.post(SENTIMENT, json={"text": "Fine.", "top_k": 1}).json()["result"]
    assert len(result["scores"]) == 1


def test_every_text_of_a_list_has_its_own_result_or_error(client: httpx2.Client) -> None:
    """An empty text among good ones spoils nothing."""
    answer = client.post(SENTIMENT, json={"texts": ["Great!", "", "Awful!", "x" * 200_001]})
    assert answer.status_code == 200
    items = ClassificationReply.model_validate_json(answer.content).results
    assert items is not None
    labels = [item.result.label if item.result else None for item in items]
    codes = [item.error.code if item.error else None for item in items]
    assert labels == ["positive", None, "negative", None]
    assert codes == [None, "text-empty", None, "text-too-long"]


def test_a_list_without_one_good_text_is_still_a_list_of_errors(client: httpx2.Client) -> None:
    """The engine is not even asked."""
    items = client.post(ENTITIES, json={"texts": ["", ""]}).json()["results"]
    assert [item["error"]["code"] for item in items] == ["text-empty", "text-empty"]


def test_a_list_answers_like_single_calls(client: httpx2.Client) -> None:
    """Batching does not change an answer."""
    texts = ["Angela Merkel visited Paris.", "Nothing here.", "Google was founded in 1998 in California."]
    together = client.post(ENTITIES, json={"texts": texts}).json()["results"]
    alone = [client.post(ENTITIES, json={"text": text}).json()["result"] for text in texts]
    assert [item["result"] for item in together] == alone


@pytest.mark.parametrize(
    ("unit", "encoding", "width"),
    [("codepoint", "utf-32-le", 4), ("utf16", "utf-16-le", 2), ("utf8", "utf-8", 1)],
)
def test_offsets_count_in_the_asked_unit(client: httpx2.Client, unit: str, encoding: str, width: int) -> None:
    """Cutting the encoded text at the offsets gives the entity, with emoji and accents before it."""
    text = "👍🏿 Zoë told Tim Cook in München that Apple 🍏 pays $5 million."
    answer = EntitiesReply.model_validate_json(
        client.post(ENTITIES, json={"text": text, "offset_unit": unit}).content
    )
    assert answer.offset_unit == unit
    assert answer.result is not None
    assert "Tim Cook" in [entity.text for entity in answer.result.entities]
    encoded = text.encode(encoding)
    for entity in answer.result.entities:
        assert encoded[entity.start * width : entity.end * width].decode(encoding) == entity.text


def test_only_the_asked_labels_are_answered(client: httpx2.Client) -> None:
    """The filter keeps entities of the given labels."""
    text = "Tim Cook leads Apple in California."
    entities = client.post(ENTITIES, json={"text": text, "labels": ["GPE"]}).json()["result"]["entities"]
    assert [entity["text"] for entity in entities] == ["California"]


def test_an_unknown_label_in_the_filter_is_told(client: httpx2.Client) -> None:
    """A typo does not silently answer nothing."""
    answer = client.post(ENTITIES, json={"text": "x", "labels": ["ORG", "PERSOON"]})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/labels/1"]


def test_long_texts_keep_their_offsets(client: httpx2.Client) -> None:
    """A text that is split on the way is stitched together again."""
    text = "Nothing happens here at all, for pages on end. " * 2_600 + "\nThen Tim Cook came to Berlin."
    entities = client.post(ENTITIES, json={"text": text}).json()["result"]["entities"]
    assert text[entities[-1]["start"] : entities[-1]["end"]] == "Berlin"
