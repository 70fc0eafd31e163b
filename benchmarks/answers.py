"""The truth: what the models themselves answer, and whether a server says the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, TypeAlias

import joblib
import spacy

from benchmarks import calls
from benchmarks.candidates import Work
from benchmarks.models import Models

Body: TypeAlias = dict[str, Any]

# So many calls at once that a server which batches does so while its answers are compared.
AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Truth:
    """What a right answer to one text is.

    Attributes:
        guide: what the guide's code answers.
        alone: what the recogniser answers without the parser before it, whose sentence starts no entity
            may cross; equal to `guide` but for very few texts.
    """

    text: str
    guide: Body
    alone: Body


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a server's answers compare with the truth, on `texts` texts.

    Attributes:
        alone: how many equal only the recogniser's answer without the parser.
        wrong: how many equal neither.
        example: the number of the first wrong text and what came back instead, or an empty text.
    """

    texts: int
    alone: int
    wrong: int
    example: str = ""


def truths(models: Models, works: Sequence[Work], samples: Sequence[Sequence[str]]) -> dict[str, list[Truth]]:
    """Compute the right answers for each work's sample, with the libraries' own calls."""
    sentiment = _sentiment(models)
    guide, alone = _entities(models, ()), _entities(models, ("parser", "senter"))
    found: dict[str, list[Truth]] = {}
    for work, texts in zip(works, samples, strict=True):
        first, second = (guide, alone) if work.path == "/ner" else (sentiment, sentiment)
        found[work.name] = [Truth(text, first(text), second(text)) for text in texts]
    return found


def judge(port: int, path: str, truth: Sequence[Truth]) -> Verdict:
    """Ask a server for every text of the sample, many at once, and compare."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda known: _ask(port, path, known.text), truth))
    pairs = list(zip(answers, truth, strict=True))
    right = [answer in (known.guide, known.alone) for answer, known in pairs]
    wrong = [number for number, ok in enumerate(right) if not ok]
    alone = sum(answer == known.alone != known.guide for answer, known in pairs)
    return Verdict(len(pairs), alone, len(wrong), _example(wrong, pairs))


def _ask(port: int, path: str, text: str) -> object:
    try:
        status, body = calls.post(port, path, text)
    except (OSError, HTTPException, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return body if status == 200 else f"status {status}: {body}"


def _example(wrong: Sequence[int], pairs: Sequence[tuple[object, Truth]]) -> str:
    if not wrong:
        return ""
    answer, known = pairs[wrong[0]]
    return f"text {wrong[0]} of the sample: answered {str(answer)[:300]}, expected {str(known.guide)[:300]}"


def _sentiment(models: Models) -> Callable[[str], Body]:
    vectorizer, classifier = joblib.load(models.vectorizer), joblib.load(models.classifier)
    return lambda text: {"sentiment": str(classifier.predict(vectorizer.transform([text]))[0])}


def _entities(models: Models, without: Sequence[str]) -> Callable[[str], Body]:
    pipeline = spacy.load(models.pipeline, exclude=list(without))

    def recognise(text: str) -> Body:
        found = pipeline(text).ents
        return {
            "entities": [
                {"text": span.text, "label": span.label_, "start": span.start_char, "end": span.end_char}
                for span in found
            ]
        }

    return recognise
