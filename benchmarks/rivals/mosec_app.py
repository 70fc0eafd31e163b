"""The two models on mosec, as its expert user would write it: `python mosec_app.py --port 8000`."""

from __future__ import annotations

import argparse
import os
from typing import Any

import joblib
import msgspec
import spacy
from mosec import Server, ValidationError, Worker

BATCH = 32
WAIT_MS = 1
"""Documented: less than a batch takes to compute. It is the least that mosec knows (0 means 10), and what a
lone request loses; under load a batch fills while the last one is computed."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Documented: libraries do not know how many processes share the cores."""


class TextRequest(msgspec.Struct):
    """The body of a call."""

    text: str


class JsonWorker(Worker):
    """JSON by msgspec, which mosec brings along, instead of the slower default."""

    def deserialize(self, data: bytes) -> str:
        """Return the text of a request."""
        try:
            return msgspec.json.decode(data, type=TextRequest).text
        except msgspec.MsgspecError as error:
            raise ValidationError(error) from error

    def serialize(self, data: Any) -> bytes:
        """Return the body of an answer."""
        return msgspec.json.encode(data)


class Sentiment(JsonWorker):
    """The guide's two files, a batch at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.vectorizer = joblib.load(os.environ["VECTORIZER"])
        self.model = joblib.load(os.environ["SENTIMENT_MODEL"])

    def forward(self, data: list[str]) -> list[dict[str, str]]:
        """Classify a batch."""
        labels = self.model.predict(self.vectorizer.transform(data))
        return [{"sentiment": str(label)} for label in labels]


class Entities(JsonWorker):
    """spaCy's recogniser, with nothing loaded that it does not need, a batch at a time."""

    def __init__(self) -> None:
        super().__init__()
        name = os.environ.get("SPACY_MODEL", "en_core_web_sm")
        self.nlp = spacy.load(name, exclude=["tagger", "parser", "senter", "attribute_ruler", "lemmatizer"])

    def forward(self, data: list[str]) -> list[dict[str, Any]]:
        """Recognise the entities of a batch."""
        return [
            {
                "entities": [
                    {"text": ent.text, "label": ent.label_, "start": ent.start_char, "end": ent.end_char}
                    for ent in doc.ents
                ]
            }
            for doc in self.nlp.pipe(data, batch_size=len(data))
        ]


def main() -> None:
    """Serve; mosec reads the other options itself."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--processes", type=int, default=1, help="processes for each model")
    processes = parser.parse_known_args()[0].processes
    server = Server()
    for worker, route in ((Sentiment, "/predict"), (Entities, "/ner")):
        server.append_worker(
            worker,
            num=processes,
            max_batch_size=BATCH,
            max_wait_time=WAIT_MS,
            env=[ONE_THREAD] * processes,
            route=route,
        )
    server.run()


if __name__ == "__main__":
    main()
