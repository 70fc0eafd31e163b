"""Which components of a pipeline run."""

from __future__ import annotations

from typing import Any

import pytest

from textmill.errors import ModelInvalidError
from textmill.runtimes.spacy.components import choose, executed, oddities, upstreams


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

    def test_a_transformer_that_is_listened_to_runs(self) -> None:
        """It is an embedding like any other."""
        factories = {"transformer": "transformer", "tagger": "tagger", "ner": "ner"}
        assert choose(factories, {"ner": {"*"}}, "none") == (["transformer", "ner"], ["tagger"])


def recogniser(**embed: Any) -> dict[str, Any]:
    """The settings of one, with its embedding."""
    tok2vec = {"@architectures": "spacy.Tok2Vec.v2", "embed": embed}
    return {
        "factory": "ner",
        "model": {"@architectures": "spacy.TransitionBasedParser.v2", "tok2vec": tok2vec},
    }


HASHES = "spacy.MultiHashEmbed.v2"


class TestOddities:
    """What makes all components run."""

    @pytest.mark.parametrize(
        "embed",
        [
            {"@architectures": HASHES, "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE", "SPACY", "IS_SPACE"]},
            {"@architectures": "spacy.CharacterEmbed.v2", "feature": "LOWER"},
            {"@architectures": "spacy-transformers.TransformerListener.v1", "upstream": "*"},
        ],
        ids=["hashes", "characters", "listener"],
    )
    def test_a_usual_recogniser_has_none(self, embed: dict[str, Any]) -> None:
        """It reads what the tokenizer decides, and says so."""
        part = recogniser(**embed) | {"scorer": {"@scorers": "team.scorer.v1"}}
        assert [] == list(oddities({"tagger": "tagger", "ner": "ner"}, {"ner": part}, ["ner"]))

    @pytest.mark.parametrize(
        ("embed", "what"),
        [
            ({"@architectures": HASHES, "attrs": ["NORM", "TAG"]}, "'ner' reads TAG"),
            ({"@architectures": HASHES, "attrs": [65]}, "'ner' reads 65"),
            ({"@architectures": "spacy.CharacterEmbed.v2", "feature": "LEMMA"}, "'ner' reads LEMMA"),
            ({"@architectures": "team.Embed.v1"}, "'ner' reads what 'team.Embed.v1' gives"),
        ],
        ids=["tags", "a number", "lemmas", "own code"],
    )
    def test_a_recogniser_that_may_read_others_work_has_one(self, embed: dict[str, Any], what: str) -> None:
        """However deep in its settings it stands."""
        assert [what] == list(oddities({"ner": "ner"}, {"ner": recogniser(**embed)}, ["ner"]))

    def test_what_a_component_reads_that_does_not_run_is_no_matter(self) -> None:
        """A tagger may read anything."""
        parts = {"parser": recogniser(attrs=["TAG"]), "tagger": recogniser(attrs=["DEP"])}
        assert [] == list(oddities({"tagger": "tagger", "parser": "parser", "ner": "ner"}, parts, ["ner"]))
        assert ["'parser' reads TAG"] == list(
            oddities({"parser": "parser", "ner": "ner"}, parts, ["parser", "ner"])
        )

    def test_an_unknown_component_is_one(self) -> None:
        """By its factory."""
        assert ["textmill does not know what 'mine' reads and sets"] == list(
            oddities({"x": "mine"}, {}, ["x"])
        )


def test_what_is_listened_to_is_found_at_any_depth() -> None:
    """By name, or any."""
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "upstream": "tok2vec"}
    assert ["tok2vec"] == list(upstreams({"model": {"tok2vec": listener}}))
    assert ["*"] == list(
        upstreams({"model": {"@architectures": "spacy-transformers.TransformerListener.v1"}})
    )
    assert [] == list(upstreams({"model": 3}))


def test_what_loading_executes_is_listed() -> None:
    """Own factories, own functions, and weights that PyTorch unpickles; nothing of spaCy's own."""
    factories = {"transformer": "transformer", "cleaner": "team_cleaner", "ner": "ner"}
    found = list(executed(factories, {"ner": recogniser(**{"@architectures": "team.Embed.v1"})}))
    assert ["torch.load" in found[0], "team_cleaner" in found[1], "team.Embed.v1" in found[2]] == [True] * 3
    assert [] == list(executed({"ner": "ner"}, {"ner": recogniser(**{"@architectures": HASHES})}))
