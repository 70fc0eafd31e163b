"""spaCy pipelines behind the runtime."""

from __future__ import annotations

import importlib
import json
import random
import string
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language

from textmill.errors import ModelInvalidError, ModelNotFoundError, ModelVersionError
from textmill.runtimes.base import ModelSpec
from textmill.runtimes.spacy.native import TOGETHER, SpacyRuntime, _batches, find, inspect, load
from textmill.runtimes.windows import windows

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


LANGUAGES = ("en", "de", "fr", "ru", "ar", "hi")


def examples() -> list[str]:
    """The sentences that spaCy brings for some languages, in several scripts."""
    modules = [importlib.import_module(f"spacy.lang.{language}.examples") for language in LANGUAGES]
    return [sentence for module in modules for sentence in module.sentences]


def test_with_the_parser_it_answers_like_the_whole_pipeline() -> None:
    """What was left out changes nothing, in some sixty sentences of several scripts."""
    texts = [*TEXTS, *examples()]
    assert len(texts) >= 60
    place = find("en_core_web_sm")
    with_parser = load(ModelSpec("e", "en_core_web_sm", sentences="parser"))
    expected = entities(spacy.load(place.folder), texts)
    assert expected == with_parser.predict(texts)
    assert sum(map(len, expected)) >= 40


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


def test_offsets_are_of_what_spacy_saw(runtime: SpacyRuntime) -> None:
    """Window by window, however a text is cut."""

    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(st.sampled_from([*TEXTS, "\n\n", "👨\u200d👩\u200d👧", "\u202e"]), max_size=8),
        st.integers(20, 120),
    )
    def claim(pieces: list[str], window: int) -> None:
        text = " ".join(pieces)
        runtime.window, usual = window, runtime.window
        found = runtime.predict([text])[0]
        runtime.window = usual
        seen = [
            (entity.text, entity.label_)
            for start, end in windows(text, window)
            for entity in runtime.nlp(text[start:end]).ents
        ]
        assert seen == [(text[start:end], label) for start, end, label in found]

    claim()


@given(st.lists(st.integers(1, TOGETHER + 10), max_size=40))
def test_only_so_much_is_computed_together(lengths: list[int]) -> None:
    """A long text's windows do not all take memory at once; a longer one runs alone; order stays."""
    parts = [(index, 0, "x" * length) for index, length in enumerate(lengths)]
    batches = list(_batches(parts))
    assert [part for batch in batches for part in batch] == parts
    assert all(len(batch) == 1 or sum(len(part[2]) for part in batch) <= TOGETHER for batch in batches)


def test_a_failure_leaves_the_pipeline_as_it_was(runtime: SpacyRuntime) -> None:
    """The memory zone is closed, the next call answers, and the error holds nothing of the text."""
    right = runtime.predict(TEXTS)
    runtime.nlp.max_length, usual = 10, runtime.nlp.max_length
    with pytest.raises(ValueError, match="E088") as failure:
        runtime.predict([TEXTS[0]])
    runtime.nlp.max_length = usual
    assert "Tim Cook" not in str(failure.value)
    assert right == runtime.predict(TEXTS)


def test_what_does_not_run_is_not_loaded(runtime: SpacyRuntime) -> None:
    """Neither what is left out nor what the pipeline itself disables."""
    assert ["ner"] == runtime.nlp.component_names


def saved(folder: Path, rules: dict[str, str] | None = None, reads: tuple[str, ...] = ()) -> Path:
    """A small pipeline on disk: an attribute ruler that sets `rules`, a recogniser that reads `reads`."""
    nlp: Any = spacy.blank("en")
    nlp.add_pipe("tagger").add_label("NN")
    ruler = nlp.add_pipe("attribute_ruler")
    embed = {
        "@architectures": "spacy.MultiHashEmbed.v2",
        "width": 32,
        "attrs": ["NORM", *reads],
        "rows": [50] * (1 + len(reads)),
        "include_static_vectors": False,
    }
    encode = {"width": 32, "window_size": 1, "maxout_pieces": 3, "depth": 1}
    model = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 32,
        "maxout_pieces": 2,
        "use_upper": True,
        "tok2vec": {
            "@architectures": "spacy.Tok2Vec.v2",
            "embed": embed,
            "encode": {"@architectures": "spacy.MaxoutWindowEncoder.v2", **encode},
        },
    }
    nlp.add_pipe("ner", config={"model": model}).add_label("ORG")
    nlp.initialize()
    ruler.add([[{"ORTH": "a"}]], rules or {"TAG": "NN"})
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
    with pytest.warns(UserWarning, match="W095"):
        assert load(ModelSpec("e", str(tmp_path), allow_version_mismatch=True)).info.labels == ("ORG",)


def test_a_pipeline_that_names_no_version_is_tried(tmp_path: Path) -> None:
    """Whether it can be read is then for spaCy to find out; with an empty name it cannot."""
    file = saved(tmp_path) / "meta.json"
    meta = json.loads(file.read_text())
    del meta["spacy_version"]
    file.write_text(json.dumps(meta))
    assert load(ModelSpec("e", str(tmp_path))).info.trained_with is None
    file.write_text(json.dumps(meta | {"spacy_version": ""}))
    with pytest.raises(ModelInvalidError, match="spaCy cannot load"):
        load(ModelSpec("e", str(tmp_path)))


def test_a_pipeline_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    """A damaged part of it."""
    (saved(tmp_path) / "ner" / "model").write_bytes(b"nonsense")
    with pytest.raises(ModelInvalidError, match="spaCy cannot load"):
        load(ModelSpec("e", str(tmp_path)))


@pytest.mark.parametrize(
    ("rules", "reads", "reason"),
    [
        ({"NORM": "z"}, (), "'attribute_ruler' sets NORM"),
        ({"TAG": "NN"}, ("TAG",), "'ner' reads TAG"),
    ],
    ids=["a ruler sets what it reads", "it reads what a tagger sets"],
)
def test_what_the_recogniser_reads_runs_and_the_card_says_why(
    tmp_path: Path, rules: dict[str, str], reads: tuple[str, ...], reason: str
) -> None:
    """With less, entities would differ in silence."""
    notes = load(ModelSpec("e", str(saved(tmp_path, rules, reads)))).info.notes
    assert "Components that run: tagger, attribute_ruler, ner." in notes
    assert f"None can be left out: {reason}." in notes


def test_a_usual_recogniser_runs_alone(tmp_path: Path) -> None:
    """The counterpart: a ruler that sets tags changes nothing."""
    assert load(ModelSpec("e", str(saved(tmp_path)))).info.notes[0] == "Components that run: ner."


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("meta.json", "{"),
        ("meta.json", "[]"),
        ("config.cfg", "][ x"),
        ("config.cfg", "\x00"),
        ("config.cfg", ""),
        ("config.cfg", "[nlp]\npipeline = 3"),
        ("config.cfg", '[nlp]\npipeline = [["ner"]]'),
        ("config.cfg", '[nlp]\npipeline = ["ner"]\n[components]\nner = 3'),
    ],
)
def test_a_damaged_description_is_told(tmp_path: Path, file: str, content: str) -> None:
    """By name, whether it is loaded or looked at."""
    (saved(tmp_path) / file).write_text(content)
    for use in (lambda: load(ModelSpec("e", str(tmp_path))), lambda: inspect(str(tmp_path))):
        with pytest.raises(ModelInvalidError, match=file):
            use()


@pytest.mark.parametrize(
    "meta", [{"performance": None}, {"performance": {"ents_f": "good"}}, {"license": 3, "url": []}]
)
def test_a_description_without_facts_makes_a_card_without_them(tmp_path: Path, meta: dict[str, Any]) -> None:
    """Nothing is invented, nothing fails."""
    file = saved(tmp_path) / "meta.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | meta))
    info = load(ModelSpec("e", str(tmp_path))).info
    assert ((), None, None) == (info.quality, info.licence, info.source)


@pytest.mark.parametrize(
    "name", ["xx_no_such_pipeline", "/no/such.folder", "./x.y", "no.such.module", "__main__", "json"]
)
def test_a_package_that_is_not_installed_is_told_how_to_get(name: str) -> None:
    """With the command."""
    with pytest.raises((ModelNotFoundError, ModelInvalidError), match=r"pip install|no spaCy pipeline"):
        load(ModelSpec("e", name))


def test_a_component_that_nobody_registers_is_named(tmp_path: Path) -> None:
    """And what brings it."""
    config = saved(tmp_path) / "config.cfg"
    config.write_text(
        config.read_text().replace('"ner"]', '"ner","cleaner"]')
        + '\n[components.cleaner]\nfactory = "team_cleaner"\n'
    )
    with pytest.raises(ModelInvalidError, match=r"makes 'team_cleaner'.*spacy package --code"):
        load(ModelSpec("e", str(tmp_path)))
    found = inspect(str(tmp_path))
    assert found.executes_code
    assert "team_cleaner" in found.executes[0]


def packaged(root: Path, name: str, code: str = "") -> None:
    """A pipeline as an installed package."""
    (root / name).mkdir(parents=True)
    (root / name / "__init__.py").write_text(code)
    saved(root / name / f"{name}-1.0.0")


def test_looking_at_a_package_does_not_run_it_and_loading_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its code may register components, so loading needs it."""
    packaged(tmp_path, "team_pipeline")
    monkeypatch.syspath_prepend(tmp_path)
    assert ("loading imports", "the installed package team_pipeline") in inspect("team_pipeline").details
    assert "team_pipeline" not in sys.modules
    load(ModelSpec("e", "team_pipeline"))
    assert "team_pipeline" in sys.modules
    del sys.modules["team_pipeline"]


def test_a_package_that_fails_to_import_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a model that cannot be loaded."""
    packaged(tmp_path, "broken_pipeline", "raise RuntimeError")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelInvalidError, match="RuntimeError"):
        load(ModelSpec("e", "broken_pipeline"))


def test_the_released_package_comes_before_its_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where both are installed."""
    packaged(tmp_path, "en_core_web_sm")
    monkeypatch.syspath_prepend(tmp_path)
    assert find("en_core_web_sm").package == "en_core_web_sm"
    assert find("en_core_web_sm").stand_in is None


def test_inspecting_reads_only_what_the_pipeline_says() -> None:
    """Components, licence, digest."""
    found = inspect("en_core_web_sm")
    assert (found.format, found.executes_code) == ("spacy", False)
    assert dict(found.details)["licence"] == "MIT"
