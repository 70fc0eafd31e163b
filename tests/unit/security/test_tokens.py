"""What makes a token good, and everything that must not."""

from __future__ import annotations

import base64
import json
import logging
import sys
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from joserfc.jwk import Key, OctKey
from pydantic import SecretStr

from tests.tokens import (
    AUDIENCE,
    ISSUER,
    NOW,
    SCOPES,
    SECRET,
    by_hand,
    claims,
    ec,
    ed,
    jwks,
    rsa,
    shared,
    signed,
)
from textmill.errors import ConfigurationError, CredentialsInvalidError, MissingExtraError
from textmill.security import tokens
from textmill.security.principals import Principal
from textmill.security.signatures import TokenError, open_token, public_keys, read_claims, secret_key
from textmill.security.tokens import FixedKeys, Rules, TokenVerifier, scopes_of
from textmill.security.trust import token_verifier
from textmill.settings import TokenSettings

HEADER = {"alg": "HS256", "typ": "JWT"}
PUBLIC = frozenset({"RS256", "PS256", "ES256", "Ed25519"})


class Clock:
    """A time that a test sets."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def with_secret(clock: Clock | None = None, **rules: Any) -> TokenVerifier:
    """Checks what is signed with the shared secret."""
    wanted = {"issuer": ISSUER, "audience": AUDIENCE} | rules
    return TokenVerifier(
        FixedKeys(secret_key(SECRET)), Rules(frozenset({"HS256"}), **wanted), clock or Clock()
    )


def with_keys(*keys: Key, algorithms: frozenset[str] = PUBLIC, **members: Any) -> TokenVerifier:
    """Checks what is signed with the private half of these keys."""
    rules = Rules(algorithms, ISSUER, AUDIENCE)
    return TokenVerifier(FixedKeys(*public_keys(jwks(*keys, **members))), rules, Clock())


def refused(verifier: TokenVerifier, token: str) -> bool:
    """Whether it is refused, in the one way and with the one sentence in which all are."""
    with pytest.raises(CredentialsInvalidError) as caught:
        verifier.principal(token)
    return str(caught.value) == "The credentials are not valid here: unknown, expired or revoked."


def test_a_good_token_says_who_brings_it_and_what_they_may() -> None:
    """Qualified by the issuer; scopes of other systems are passed over."""
    token = shared(claims(scope="models:read openid predict:sentiment delete:everything"))
    assert Principal(f"{ISSUER}#alice", "alice", "token", SCOPES) == with_secret().principal(token)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(rsa(), "RS256"), (rsa(), "PS256"), (ec(), "ES256"), (ed(), "Ed25519")],
    ids=["RS256", "PS256", "ES256", "Ed25519"],
)
def test_every_family_of_public_keys_works(key: Key, algorithm: str) -> None:
    """By the key's name, or without one where only one key fits."""
    verifier = with_keys(rsa(), ec(), ed()) if algorithm != "ES256" else with_keys(ec())
    assert "alice" == verifier.principal(signed(key, algorithm, kid=None)).name
    assert "alice" == with_keys(key).principal(signed(key, algorithm)).name


TIMES = [
    ("just made", {}, True),
    ("expired within the leeway", {"exp": NOW - 29}, True),
    ("expired", {"exp": NOW - 31}, False),
    ("not yet valid, within the leeway", {"nbf": NOW + 29}, True),
    ("not yet valid", {"nbf": NOW + 31}, False),
    ("made in the future, within the leeway", {"iat": NOW + 29}, True),
    ("made in the future", {"iat": NOW + 31}, False),
    ("never expires", {"exp": None}, False),
    ("expires in words", {"exp": "tomorrow"}, False),
    ("expires truly", {"exp": True}, False),
    ("expires with a fraction", {"exp": NOW + 0.5}, True),
    ("expires in the far future", {"exp": 10**300}, True),
    ("valid from a list", {"nbf": [0]}, False),
    ("another issuer", {"iss": "https://other.example"}, False),
    ("no issuer", {"iss": None}, False),
    ("an issuer that is a list", {"iss": [ISSUER]}, False),
    ("another audience", {"aud": "https://other.example"}, False),
    ("no audience", {"aud": None}, False),
    ("one of several audiences", {"aud": ["https://other.example", AUDIENCE]}, True),
    ("no audience among several", {"aud": []}, False),
    ("an audience that is a number", {"aud": 5}, False),
    ("no subject", {"sub": None}, False),
    ("a client instead of a subject", {"sub": None, "client_id": "batch"}, True),
    ("an empty subject", {"sub": ""}, False),
    ("a subject that forges a line of a log", {"sub": "alice\nINFO bob"}, False),
    ("a subject that is a number", {"sub": 5}, False),
    ("a subject that is too long", {"sub": "a" * 256}, False),
]


@pytest.mark.parametrize(("changes", "good"), [row[1:] for row in TIMES], ids=[row[0] for row in TIMES])
def test_claims_decide(changes: dict[str, Any], *, good: bool) -> None:
    """Issuer, audience, times with their leeway, and a subject that can be written down."""
    verifier, token = with_secret(), shared(claims(**changes))
    if good:
        assert SCOPES == verifier.principal(token).scopes
    else:
        assert refused(verifier, token)


def test_a_token_for_an_audience_is_refused_where_none_is_set() -> None:
    """It was made for somebody, and nobody said that it is us (RFC 7519, 4.1.3)."""
    assert refused(with_secret(audience=None), shared())
    assert "alice" == with_secret(audience=None).principal(shared(claims(aud=None))).name


MALFORMED = [
    ("alg none", by_hand({"alg": "none"}, claims(), None)),
    ("alg None, signed", by_hand({"alg": "None"}, claims())),
    ("alg none, signed", by_hand({"alg": "none"}, claims())),
    ("no alg", by_hand({"typ": "JWT"}, claims())),
    ("alg is a list", by_hand({"alg": ["HS256"]}, claims())),
    ("alg is null", by_hand({"alg": None}, claims())),
    ("kid is a number", by_hand(HEADER | {"kid": 5}, claims())),
    ("kid is a list", by_hand(HEADER | {"kid": ["a"]}, claims())),
    ("another algorithm of the family", signed(OctKey.import_key(SECRET * 2), "HS512")),
    ("an algorithm of another family", signed(rsa(), "RS256")),
    ("critical extension", by_hand(HEADER | {"crit": ["exp"], "exp": 5}, claims())),
    ("critical unknown extension", by_hand(HEADER | {"crit": ["x"], "x": 1}, claims())),
    ("crit is a number", by_hand(HEADER | {"crit": 5}, claims())),
    ("crit is a list of lists", by_hand(HEADER | {"crit": [["b64"]]}, claims())),
    ("payload as it is", by_hand(HEADER | {"crit": ["b64"], "b64": False}, claims())),
    ("header is a list", by_hand(["alg"], claims())),
    ("header is a string", by_hand("alg", claims())),
    ("header is a number", by_hand(5, claims())),
    ("header is nested deeply", by_hand(b"[" * 2900, claims())),
    ("header is no UTF-8", by_hand(b'{"alg":"HS256","\xff":1}', claims())),
    ("header is too long", by_hand(HEADER | {"x": "a" * 5000}, claims())),
    ("claims are a list", by_hand(HEADER, ["exp"])),
    ("claims are null", by_hand(HEADER, None)),
    ("claims are no JSON", by_hand(HEADER, b"exp=1")),
    ("claims are nested deeply", by_hand(HEADER, b'{"exp":' + b"[" * 5000)),
    ("claims are no UTF-8", by_hand(HEADER, b'{"sub":"\xff"}')),
    ("a claim twice", by_hand(HEADER, json.dumps(claims()).encode()[:-1] + b',"scope":"admin"}')),
    ("expires at NaN", by_hand(HEADER, json.dumps(claims(exp=float("nan"))).encode())),
    ("expires at infinity", by_hand(HEADER, json.dumps(claims(exp=float("inf"))).encode())),
    ("expires beyond all floats", by_hand(HEADER, json.dumps(claims(exp=0)).encode()[:-2] + b"1e999}")),
    (
        "a number of 5000 digits",
        by_hand(HEADER, json.dumps(claims(exp=0)).encode()[:-2] + b"9" * 5000 + b"}"),
    ),
    ("alg twice", by_hand(b'{"alg":"HS256","alg":"none"}', claims())),
    ("oversized", shared(claims(filling="a" * 200_000))),
    ("oversized signature", shared() + "A" * 4000),
    ("garbage", "a.b.c"),
    ("points", ".."),
    ("base64 with padding", shared().replace(".", "=.", 1)),
    ("standard base64", "+/+/.+/+/.+/+/"),
    ("no signature", shared().rpartition(".")[0] + "."),
    ("cut short", shared()[:-1]),
    ("a character more", shared() + "A"),
    ("another secret", by_hand(HEADER, claims(), b"b" * 32)),
    ("an empty secret", by_hand(HEADER, claims(), b"")),
    ("no ASCII", shared()[:-1] + "ä"),
    ("a lone surrogate", shared()[:-1] + "\ud83d"),
]


@pytest.mark.parametrize("token", [row[1] for row in MALFORMED], ids=[row[0] for row in MALFORMED])
def test_a_malformed_token_is_refused(token: str) -> None:
    """Never accepted, and never another error."""
    assert refused(with_secret(), token)


def pem(key: Key) -> bytes:
    """A public key as text, which everybody can have."""
    return bytes(key.as_pem(private=False))  # type: ignore[union-attr]  # an OctKey has none


def test_a_public_key_is_never_a_secret() -> None:
    """HS256 "signed" with the published RSA key, in all the forms in which people have it."""
    public = [pem(rsa()), pem(rsa()).strip(), jwks(rsa()), json.dumps(rsa().as_dict(private=False)).encode()]
    for secret in public:
        token = by_hand({"alg": "HS256", "kid": "first"}, claims(), secret)
        assert refused(with_keys(rsa()), token)
        # Nor where somebody allowed both, which the settings refuse.
        assert refused(with_keys(rsa(), algorithms=PUBLIC | {"HS256"}), token)


def test_a_key_is_used_with_its_own_algorithms_only() -> None:
    """By its type, its curve, and what its owner says of it."""
    assert refused(with_keys(rsa(), ec()), signed(rsa(), "RS512"))
    assert refused(with_keys(rsa(), alg="PS256"), signed(rsa(), "RS256"))
    assert refused(with_keys(rsa(), algorithms=frozenset({"PS256"})), signed(rsa(), "RS256"))
    assert refused(with_keys(ec()), signed(ec("first", "P-384"), "ES384"))
    assert refused(
        with_keys(ec("first", "P-384"), algorithms=PUBLIC | {"ES384"}), signed(ec(), "ES256", kid="first")
    )


def test_keys_that_are_not_for_signatures_are_passed_over() -> None:
    """For encryption, symmetric, too short, of unknown kinds, or broken; the others still work."""
    rows = [
        ec("other").as_dict(private=False) | {"use": "enc"},
        ec("other").as_dict(private=False) | {"key_ops": ["deriveKey"]},
        OctKey.import_key(SECRET, {"kid": "other"}).as_dict(),
        {"kty": "RSA", "kid": "other", "n": "AQAB" * 40, "e": "AQAB"},
        {"kty": "AKP", "kid": "other", "alg": "ML-DSA-44", "pub": "AA"},
        {"kty": "EC", "crv": "P-256", "kid": "other", "x": "AA", "y": "AA"},
        {"kty": ["EC"]},
        5,
        ec().as_dict(private=False),
    ]
    (key,) = public_keys(json.dumps({"keys": rows}).encode())
    assert ("first", ("EC", "P-256")) == (key.kid, key.kind)


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{}", b'{"keys":{}}', b'{"keys":[]}', b"[" * 100_000, b"\xff", b'{"keys":[5]}']
)
def test_a_document_without_a_usable_key_is_no_key_set(document: bytes) -> None:
    """And says so in a way that repeats nothing of it."""
    with pytest.raises(ValueError, match=r"^it (is|has) no"):
        public_keys(document)


def test_a_private_key_that_somebody_published_is_kept_as_the_public_one() -> None:
    """Private members are not read."""
    (key,) = public_keys(json.dumps({"keys": [ec().as_dict(private=True)]}).encode())
    assert not key.raw.is_private


def test_the_name_of_the_key_must_lead_to_one_key() -> None:
    """Unknown: refused. Missing: only where one key fits. Twice: refused."""
    assert refused(with_keys(rsa()), signed(rsa(), "RS256", kid="other"))
    assert refused(with_keys(rsa(), rsa("second")), signed(rsa(), "RS256", kid=None))
    assert "alice" == with_keys(rsa(), ec()).principal(signed(rsa(), "RS256", kid=None)).name
    assert refused(with_keys(rsa(), rsa("second"), kid="same"), signed(rsa(), "RS256", kid="same"))


def test_keys_that_a_token_brings_or_points_at_are_not_looked_at() -> None:
    """Signed with the attacker's key, which stands in the header, or where the header points."""
    attacker = rsa("attacker")
    for header in (
        {"jwk": attacker.as_dict(private=False)},
        {"jku": "https://attacker.example/jwks"},
        {"x5u": "https://attacker.example/chain"},
        {"x5c": ["AAAA"]},
    ):
        for kid in ("first", "attacker", None):
            assert refused(with_keys(rsa()), signed(attacker, "RS256", kid=kid, **header))
    honest = signed(rsa(), "RS256", jku="https://attacker.example/jwks")
    assert "alice" == with_keys(rsa()).principal(honest).name


def test_a_header_that_we_do_not_know_is_ignored() -> None:
    """Large issuers send some."""
    assert "alice" == with_secret().principal(shared(nonce="abc", x5t="abc")).name


@pytest.mark.parametrize(
    ("claim", "content", "expected"),
    [
        ("scope", {"scope": "models:read  predict:a"}, {"models:read", "predict:a"}),
        ("scope", {"scope": ["models:read", 5, None, ["admin"]]}, {"models:read"}),
        ("scope", {"scope": "Admin ADMIN admin\u200b predict: predict:A/../b"}, set()),
        ("scope", {"scope": {"admin": True}}, set()),
        ("scope", {"scope": 5}, set()),
        ("scope", {}, set()),
        ("scp", {"scp": "admin", "scope": "models:read"}, {"admin"}),
        ("realm_access.roles", {"realm_access": {"roles": ["admin"]}}, {"admin"}),
        ("realm_access.roles", {"realm_access": ["roles"]}, set()),
        ("https://api.example/scopes", {"https://api.example/scopes": "admin"}, {"admin"}),
    ],
)
def test_scopes_come_from_the_configured_claim(
    claim: str, content: dict[str, Any], expected: set[str]
) -> None:
    """Words, a list, or at the end of a path; nothing else grants anything."""
    assert expected == scopes_of(content, claim)


def test_a_checked_token_is_remembered_for_a_minute_and_never_beyond_its_end() -> None:
    """The second check does not look at the signature."""
    clock = Clock()
    verifier = with_secret(clock)
    long, short = shared(), shared(claims(exp=NOW + 10))
    first = verifier.principal(long)
    assert first is verifier.principal(long)
    clock.now += 61
    assert first is not verifier.principal(long)

    clock.now = NOW
    verifier.principal(short)
    clock.now += 41
    assert refused(verifier, short)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is forgotten, and refusals are not remembered at all."""
    monkeypatch.setattr(tokens, "REMEMBERED", 3)
    verifier = with_secret()
    for number in range(10):
        verifier.principal(shared(claims(sub=str(number))))
        assert refused(verifier, shared(claims(sub=str(number), exp=1)))
    assert 3 == len(verifier._checked)


def test_many_threads_can_ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """While tokens come and are forgotten."""
    monkeypatch.setattr(tokens, "REMEMBERED", 2)
    verifier = with_secret()
    mine = {str(number): shared(claims(sub=str(number))) for number in range(8)}
    wrong: list[str] = []

    def ask(name: str) -> None:
        wrong.extend(name for _ in range(50) if verifier.principal(mine[name]).name != name)

    threads = [threading.Thread(target=ask, args=(name,)) for name in mine]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [] == wrong


def test_the_reason_goes_to_the_log_and_nothing_of_the_token(caplog: pytest.LogCaptureFixture) -> None:
    """One line, for whoever asks for debug messages."""
    token = shared(claims(sub="Kanarienvogel", exp=NOW - 100))
    with caplog.at_level(logging.DEBUG, "textmill"):
        assert refused(with_secret(), token)
    (record,) = caplog.records
    assert "A token was refused: its claim 'exp' is missing or wrong (ExpiredTokenError)." == record.message
    for part in ("Kanarienvogel", *token.split(".")):
        assert part not in record.message


@pytest.mark.parametrize(
    ("credential", "expected"),
    [("a.b.c", True), ("tm_0123456789ab_secret", False), ("a.b", False), ("a.b.c.d.e", False)],
)
def test_a_token_is_known_by_its_three_parts(credential: str, *, expected: bool) -> None:
    """Other credentials are left to others."""
    assert expected == with_secret().takes(credential)


GOOD = shared()
CHARACTERS = st.sampled_from("AZaz09-_.=+/ \x00ä")


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, len(GOOD)), cut=st.integers(0, 8), more=st.text(CHARACTERS, max_size=8))
@example(place=len(GOOD) - 1, cut=1, more="")
def test_no_change_of_a_good_token_is_accepted(place: int, cut: int, more: str) -> None:
    """Whatever is cut out, put in or replaced, wherever."""
    changed = GOOD[:place] + more + GOOD[place + cut :]
    if changed != GOOD:
        assert refused(with_secret(), changed)


@settings(max_examples=200, deadline=None)
@given(
    header=st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jku", "jwk", "x5c", "cty"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=2),
            max_leaves=3,
        ),
    ),
    payload=st.dictionaries(
        st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub", "scope", "client_id"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=8)
        | st.lists(st.text(max_size=8), max_size=2),
    ),
)
def test_whatever_an_issuer_signs_is_judged_and_never_breaks(
    header: dict[str, Any], payload: dict[str, Any]
) -> None:
    """Properly signed, with any header and any claims: a principal with known scopes, or our refusal."""
    token = by_hand(HEADER | header, claims() | payload)
    try:
        found = with_secret().principal(token)
    except CredentialsInvalidError:
        return
    assert "token" == found.kind


WRONG = [
    ({"secret": "short"}, "has 5 bytes, and needs 32"),
    ({"secret": "s" * 32, "jwks": "https://a.example/jwks"}, "several sources"),
    ({"jwks": "https://a.example/j", "discovery": "https://a.example/d", "audience": "a"}, "several sources"),
    ({"jwks": "https://a.example/jwks"}, "tokens.audience is missing"),
    ({"discovery": "https://a.example/d"}, "tokens.audience is missing"),
    ({"jwks": "https://a.example/j", "audience": "a", "algorithms": ("RS256", "HS256")}, "has HS256"),
    ({"secret": "s" * 32, "algorithms": ("RS256",)}, "has RS256"),
    ({"jwks": "http://a.example/jwks", "audience": "a"}, "must be an https URL"),
    ({"jwks": "file:///etc/passwd", "audience": "a"}, "must be an https URL"),
    ({"jwks": "https://user:word@a.example/jwks", "audience": "a"}, "a user or a password"),
    ({"discovery": "http://a.example/d", "audience": "a"}, "must be an https URL"),
    ({"discovery": "d.json", "audience": "a"}, "must be an https URL"),
    ({"jwks": "no/such/file.json", "audience": "a"}, "'no/such/file.json' cannot be used"),
    ({"audience": "a", "issuer": "https://a.example"}, "tokens has no source of keys"),
    ({"secret_file": "no/such/file"}, "tokens.secret_file cannot be read"),
]


@pytest.mark.parametrize(("given", "message"), WRONG, ids=[row[1] for row in WRONG])
def test_settings_that_contradict_each_other_are_refused(given: dict[str, Any], message: str) -> None:
    """At start, with what to do, and without a secret in the message."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        token_verifier(TokenSettings(**given))
    assert "word" not in str(caught.value).replace("password", "")


def test_a_public_key_as_the_secret_is_refused() -> None:
    """Everybody could sign tokens with it."""
    with pytest.raises(ConfigurationError, match="is a public key"):
        token_verifier(TokenSettings(secret=SecretStr(pem(rsa()).decode())))


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "joserfc", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'textmill\[security\]'"):
        token_verifier(TokenSettings(secret=SecretStr(SECRET.decode())))


def test_a_key_that_does_not_fit_checks_nothing() -> None:
    """Whoever chose it."""
    (key,) = public_keys(jwks(ec()))
    with pytest.raises(TokenError, match="not the key's"):
        read_claims(open_token(shared()), key)


def test_without_keys_no_tokens_are_taken() -> None:
    """The defaults configure nothing."""
    assert token_verifier(TokenSettings()) is None


def test_a_secret_takes_its_own_algorithms_by_default() -> None:
    """With a secret HS256; no header can choose more."""
    verifier = token_verifier(
        TokenSettings(secret=SecretStr(SECRET.decode()), issuer=ISSUER, audience=AUDIENCE)
    )
    assert verifier is not None
    verifier._clock = Clock()
    verifier.start()
    assert verifier.trouble() is None
    verifier.close()
    assert "alice" == verifier.principal(shared()).name
    assert refused(verifier, signed(OctKey.import_key(SECRET), "HS512"))
    assert refused(verifier, shared()[: len(shared()) // 2])


def test_the_encoding_of_a_token_has_one_form() -> None:
    """Bits behind the end that base64 leaves open are not accepted either."""
    head, _, signature = GOOD.rpartition(".")
    twin = next(
        letter
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        if letter != signature[-1]
        and base64.urlsafe_b64decode(signature[:-1] + letter + "=")
        == base64.urlsafe_b64decode(signature + "=")
    )
    assert refused(with_secret(), f"{head}.{signature[:-1]}{twin}")
