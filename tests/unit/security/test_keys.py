from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textmill.errors import ConfigurationError, KeyStoreError
from textmill.security.keys import ALPHABET, Issued, Key, chosen, is_key, issue, outgoing, successor
from textmill.security.principals import Principal, Quota

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PEPPER = b"pepper"


def new(name: str = "ci", **options: object) -> Issued:
    """A key of the day."""
    return issue(name, ["predict:*"], pepper=PEPPER, now=NOW, **options)  # type: ignore[arg-type]  # as given


def test_a_key_tells_its_id_and_hides_256_bits() -> None:
    """`tm_`, 12 hexadecimal characters, and 43 of 62 kinds."""
    issued = new()
    head, identity, secret = issued.text.split("_")

    assert ("tm", issued.key.id) == (head, identity)
    assert set(identity) <= set("0123456789abcdef")
    assert 43 == len(secret)
    assert set(secret) <= set(ALPHABET)
    assert len(ALPHABET) ** len(secret) >= 2**256


def test_no_two_keys_are_alike() -> None:
    """Neither their ids nor their secrets."""
    keys = [new() for _ in range(200)]

    assert 200 == len({issued.key.id for issued in keys})
    assert 200 == len({issued.text.rpartition("_")[2] for issued in keys})


def test_a_key_is_kept_as_its_hmac_and_nothing_else() -> None:
    """HMAC-SHA256 of the whole key with the pepper."""
    issued = new()

    assert hmac.new(PEPPER, issued.text.encode(), hashlib.sha256).digest() == issued.key.digest
    assert issued.text.rpartition("_")[2] not in str(vars_of(issued.key))


def vars_of(key: Key) -> dict[str, object]:
    """Every field of a key, also those that its repr leaves out."""
    return {name: getattr(key, name) for name in key.__dataclass_fields__}


def test_neither_secret_nor_hash_is_shown_by_accident() -> None:
    """A repr is safe in a log."""
    issued = new()

    for shown in (repr(issued), repr(issued.key), str(issued)):
        assert issued.text.rpartition("_")[2] not in shown
        assert repr(issued.key.digest) not in shown
        assert "digest" not in shown
    assert f"tm_{issued.key.id}_…" == issued.key.prefix


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tm_",
        "tm_0123456789ab_" + "a" * 42,
        "tm_0123456789ab_" + "a" * 44,
        "tm_0123456789AB_" + "a" * 43,
        "tm_0123456789a_" + "a" * 43,
        "TM_0123456789ab_" + "a" * 43,
        "tm_0123456789ab-" + "a" * 43,
        "tm_0123456789ab_" + "a" * 42 + "é",
        "tm_0123456789ab_" + "a" * 42 + "٣",
        "tm_0123456789ab_" + "a" * 43 + "\n",
        " tm_0123456789ab_" + "a" * 43,
    ],
)
def test_only_the_exact_form_is_a_key(text: str) -> None:
    """Anything else is another kind of credential, or none."""
    assert is_key("tm_0123456789ab_" + "a" * 43)
    assert not is_key(text)


@settings(deadline=None)
@given(st.text())
def test_the_form_holds_for_no_arbitrary_text(text: str) -> None:
    """Whatever it is, telling takes no exception."""
    assert is_key(text) == (text.startswith("tm_") and len(text) == 59 and text.isascii() and is_key(text))


@pytest.mark.parametrize("name", ["ci", "a", "Shop 2.0", "anna@example.com", "x" * 64, "a_b-c+d"])
def test_a_name_may_be_a_word_or_an_address(name: str) -> None:
    """Letters, digits, and what stands in addresses."""
    assert name == new(name).key.name


@pytest.mark.parametrize(
    "name", ["", " ", "a ", "-a", "tm_x", "a\nb", "a\x1b[0m", "[red]", "é", "x" * 65, "a/b", "a,b"]
)
def test_a_name_that_could_forge_a_log_line_is_refused(name: str) -> None:
    """And one that could be taken for a key."""
    with pytest.raises(ConfigurationError, match="name"):
        new(name)


def test_unknown_scopes_and_none_at_all_are_refused() -> None:
    """The message names the scope, or says that one is needed."""
    with pytest.raises(ConfigurationError, match="'write' is no scope"):
        issue("ci", ["write"], pepper=PEPPER, now=NOW)
    with pytest.raises(ConfigurationError, match="without scopes"):
        issue("ci", [], pepper=PEPPER, now=NOW)


@pytest.mark.parametrize(
    ("expires", "words"), [(NOW, "expired"), (NOW - DAY, "expired"), (NOW + 40_000 * DAY, "100 years")]
)
def test_a_time_that_makes_no_sense_is_refused(expires: datetime, words: str) -> None:
    """A key that was never valid, or one for the grandchildren."""
    with pytest.raises(ConfigurationError, match=words):
        new(expires=expires)


@pytest.mark.parametrize(
    "quota",
    [
        Quota(requests="many"),
        Quota(texts="0/minute"),
        Quota(characters="1/fortnight"),
        Quota(requests="1/minute\n"),
        Quota(concurrent=0),
        Quota(concurrent=10**9),
    ],
)
def test_a_limit_that_is_none_is_refused(quota: Quota) -> None:
    """Windows as in the settings."""
    with pytest.raises(ConfigurationError):
        new(quota=quota)


def test_a_keys_holder_is_a_principal() -> None:
    """With its id, name, scopes, and limits where it has any."""
    key = new().key
    limited = new(quota=Quota(requests="600/minute")).key

    assert Principal(key.id, "ci", "key", frozenset({"predict:*"}), None) == key.principal
    assert Quota(requests="600/minute") == limited.principal.quota


def test_a_key_ends_at_its_time_and_not_before() -> None:
    """The moment itself is too late."""
    key = new(expires=NOW + DAY).key

    assert "active" == key.state(NOW + DAY - timedelta(microseconds=1))
    assert "expired" == key.state(NOW + DAY)


def test_a_successor_differs_in_secret_and_id_only() -> None:
    """It lives as long as its forerunner did."""
    old = new(expires=NOW + DAY, quota=Quota(concurrent=3))
    fresh = successor(old.key, pepper=PEPPER, now=NOW + DAY / 2)

    assert (old.key.name, old.key.scopes, old.key.quota) == (
        fresh.key.name,
        fresh.key.scopes,
        fresh.key.quota,
    )
    assert old.key.id != fresh.key.id
    assert old.key.digest != fresh.key.digest
    assert NOW + DAY / 2 + DAY == fresh.key.expires
    assert successor(new().key, pepper=PEPPER, now=NOW).key.expires is None


def test_an_outgoing_key_ends_after_the_overlap_at_the_latest() -> None:
    """A key that would end sooner still does."""
    assert NOW + DAY == outgoing(new().key, NOW, DAY).expires
    assert NOW + DAY == outgoing(new(expires=NOW + 2 * DAY).key, NOW, DAY).expires
    assert NOW + DAY == outgoing(new(expires=NOW + DAY).key, NOW, 2 * DAY).expires


def test_a_key_that_is_over_has_no_successor() -> None:
    """Otherwise a revoked key would come back."""
    with pytest.raises(KeyStoreError, match="is expired"):
        successor(new(expires=NOW + DAY).key, pepper=PEPPER, now=NOW + DAY)


def test_a_key_is_chosen_by_id_prefix_whole_key_or_name() -> None:
    """Whatever a person has at hand."""
    issued = new()
    keys = [new("other").key, issued.key]

    for asked in (issued.key.id, issued.key.prefix, issued.text, "ci"):
        assert issued.key == chosen(keys, asked, NOW)


def test_a_name_of_several_valid_keys_chooses_none_of_them() -> None:
    """The message lists their ids."""
    first, second = new().key, new().key

    with pytest.raises(KeyStoreError, match=f"{first.id}, {second.id}"):
        chosen([first, second], "ci", NOW)
    assert second == chosen([outgoing(first, NOW, timedelta()), second], "ci", NOW)


def test_what_may_be_a_key_is_not_repeated_in_a_message() -> None:
    """Not even a key that is unknown, or mistyped."""
    for asked in (new().text, new().text[:-1], "tm_" + "s" * 43):
        with pytest.raises(KeyStoreError, match="No key has this id or name") as caught:
            chosen([], asked, NOW)
        assert asked[-20:] not in str(caught.value)
    with pytest.raises(KeyStoreError, match="'nightly'"):
        chosen([], "nightly", NOW)
