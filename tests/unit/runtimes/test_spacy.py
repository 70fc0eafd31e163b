"""spaCy pipelines behind the runtime."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import spacy
from spacy.language import Language

from textmill.errors import ModelInvalidError, ModelNotFoundError, ModelVersionError
from textmill.runtimes.base import ModelSpec
from textmill.runtimes.spacy import SpacyRuntime, choose, find, inspect, load

TEXTS = [
    "Tim Cook opened a shop in Berlin on Monday, and Apple paid $5 million for it.",
    "👍🏿 Zoë Müller of Siemens AG moved from São Paulo to New York in 2019.",
    "مرحبا Angela Merkel visited مصر last Friday.",
    "Cafe\u0301 de Flore in Paris is older than Starbucks Inc.",
    "Nothing here.",
    " ",
    "The 2,000 members of the European Union met for 3 hours. London was silent. Nobody from the UN came.",
]


@pytest.fixture(scope="module")
def runtime() -> SpacyRuntime:
    """The default pipeline, computed by spaCy."""
    found = load(ModelSpec("e", "en_core_web_sm", runtime="native"))
    assert isinstance(found, SpacyRuntime)
    return found


def entities(nlp: Language, texts: list[str]) -> list[list[tuple[int, int, str]]]:
    """What the whole pipeline says."""
    return [[(e.start_char, e.end_char, e.label_) for e in doc.ents] for doc in nlp.pipe(texts)]


def test_with_the_parser_it_answers_like_the_whole_pipeline() -> None:
    """What was left out changes nothing."""
    place = find("en_core_web_sm")
    with_parser = load(ModelSpec("e", "en_core_web_sm", sentences="parser"))
    assert entities(spacy.load(place.folder), TEXTS) == with_parser.predict(TEXTS)


def test_offsets_cut_out_the_entity_in_every_script(runtime: SpacyRuntime) -> None:
    """Code points, with emoji, accents and right-to-left text before them."""
    found = runtime.predict(TEXTS)
    named = [[text[start:end] for start, end, _ in spans] for text, spans in zip(TEXTS, found, strict=True)]
    assert {"Tim Cook", "Berlin", "Apple"} <= set(named[0])
    assert "New York" in named[1]
    assert "Angela Merkel" in named[2]
    assert named[5] == []


def test_a_batch_answers_like_single_texts(runtime: SpacyRuntime) -> None:
    """Neighbours change nothing."""
    assert [runtime.predict([text])[0] for text in TEXTS] == runtime.predict(TEXTS)


def test_the_card_says_what_runs_and_what_does_not(runtime: SpacyRuntime) -> None:
    """And what that can change."""
    notes = " ".join(runtime.info.notes)
    assert "Components that run: ner." in notes
    assert "parser" in notes
    assert "PERSON" in runtime.info.labels
    assert runtime.info.quality[0].value > 0.8


def strange(words: int, seed: int) -> Iterator[str]:
    """Texts of words that nobody has seen."""
    chance = random.Random(seed)  # noqa: S311 - invented words need no secrecy
    for _ in range(words // 10):
        yield " ".join("".join(chance.choices(string.ascii_lowercase, k=9)) for _ in range(10))


def test_memory_stays_flat_over_ever_new_words(runtime: SpacyRuntime) -> None:
    """The store of strings does not keep them; without zones it would."""
    runtime.predict(list(strange(2_000, seed=1)))
    before = len(runtime.nlp.vocab.strings)
    runtime.predict(list(strange(10_000, seed=2)))
    assert len(runtime.nlp.vocab.strings) == before
    for doc in runtime.nlp.pipe(strange(1_000, seed=3)):
        assert len(doc) == 10
    assert len(runtime.nlp.vocab.strings) > before + 900


def test_threads_take_turns() -> None:
    """Memory zones are not thread-safe; four callers at once still get their own answers."""
    runtime = load(ModelSpec("e", "en_core_web_sm"))
    right = runtime.predict(TEXTS)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: runtime.predict(TEXTS), range(12)))
    assert answers == [right] * 12


def test_a_long_text_is_split_and_stitched(runtime: SpacyRuntime) -> None:
    """Offsets count from the beginning of the whole text."""
    text = "Nothing happens for pages on end. " * 40 + "Then Tim Cook came to Berlin."
    runtime.window, window = 200, runtime.window
    spans = runtime.predict([text])[0]
    runtime.window = window
    assert {"Tim Cook", "Berlin"} <= {text[start:end] for start, end, _ in spans}


class TestChoose:
    """Which components run."""

    FULL = {"tok2vec": "tok2vec", "tagger": "tagger", "parser": "parser", "ner": "ner"}  # noqa: RUF012 - never changed

    def test_a_recogniser_with_its_own_embedding_runs_alone(self) -> None:
        """The shared one serves others."""
        assert choose(self.FULL, {"parser": {"tok2vec"}}, "none") == (
            ["ner"],
            ["tok2vec", "tagger", "parser"],
        )

    def test_what_it_listens_to_runs_too(self) -> None:
        """Else it would see nothing."""
        assert choose(self.FULL, {"ner": {"tok2vec"}}, "none")[0] == ["tok2vec", "ner"]
        assert choose(self.FULL, {"ner": {"*"}}, "none")[0] == ["tok2vec", "ner"]

    def test_the_parser_runs_when_its_sentences_are_wanted(self) -> None:
        """With its embedding."""
        assert choose(self.FULL, {"parser": {"tok2vec"}}, "parser")[0] == ["tok2vec", "parser", "ner"]

    @pytest.mark.parametrize("factory", ["entity_ruler", "span_ruler", "my_component"])
    def test_with_rules_or_unknown_components_everything_runs(self, factory: str) -> None:
        """They may read what any other component sets."""
        assert choose({**self.FULL, "x": factory}, {}, "none") == ([*self.FULL, "x"], [])

    def test_without_a_recogniser_it_is_refused(self) -> None:
        """Naming what there is."""
        with pytest.raises(ModelInvalidError, match="tagger"):
            choose({"tagger": "tagger"}, {}, "none")


def saved(folder: Path) -> Path:
    """A small pipeline on disk."""
    nlp = spacy.blank("en")
    nlp.add_pipe("ner").add_label("ORG")  # type: ignore[attr-defined]  # spaCy types every component alike
    nlp.initialize()
    nlp.to_disk(folder)
    return folder


def test_a_pipeline_from_a_folder_is_served(tmp_path: Path) -> None:
    """With its labels."""
    assert load(ModelSpec("e", str(saved(tmp_path)))).info.labels == ("ORG",)


def test_another_version_of_spacy_is_an_error_that_names_both(tmp_path: Path) -> None:
    """Unless the operator allows it."""
    meta = saved(tmp_path) / "meta.json"
    meta.write_text(json.dumps(json.loads(meta.read_text()) | {"spacy_version": ">=2.0.0,<3.0.0"}))
    with pytest.raises(ModelVersionError, match=rf"<3\.0\.0.*{spacy.about.__version__}"):
        load(ModelSpec("e", str(tmp_path)))


def test_a_pipeline_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    """A damaged part of it."""
    (saved(tmp_path) / "ner" / "model").write_bytes(b"nonsense")
    with pytest.raises(ModelInvalidError, match="spaCy cannot load"):
        load(ModelSpec("e", str(tmp_path)))


def test_a_package_that_is_not_installed_is_told_how_to_get() -> None:
    """With the command."""
    with pytest.raises(ModelNotFoundError, match="pip install"):
        load(ModelSpec("e", "xx_no_such_pipeline"))


def test_inspecting_reads_only_what_the_pipeline_says() -> None:
    """Components, licence, digest."""
    found = inspect("en_core_web_sm")
    assert (found.format, found.executes_code) == ("spacy", False)
    assert dict(found.details)["licence"] == "MIT"
