"""Tokens for holders of keys: who gets which, how long they work, and the key they are signed with."""

from __future__ import annotations

import base64
import json
import logging
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from tests.fakes import FakeHolders
from tests.tokens import NOW, claims, ec, rsa, signed
from textmill.errors import AuthUnavailableError, ConfigurationError, CredentialsInvalidError
from textmill.security.guard import Guard
from textmill.security.issuer import Client, Issuer, KeyHolders, TokenRefusedError, client_of
from textmill.security.principals import Principal, Quota, anonymous
from textmill.security.signatures import SigningKey
from textmill.security.signing_file import signing_key
from textmill.security.verifiers import Verifier
from textmill.settings import OAuthSettings

ALICE = Principal(
    "a1", "alice's batch", "key", frozenset({"predict:*", "models:read"}), Quota(texts="5/minute")
)
BOB = Principal("b2", "bob", "key", frozenset({"admin"}))
KEY = SigningKey.generate()
SETTINGS = OAuthSettings(enabled=True, issuer="https://textmill.example", audience="textmill")


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def client(holder: Principal) -> Client:
    """The holder's key, as a client shows it."""
    return Client(holder.id, FakeHolders.key(holder.id))


@pytest.fixture
def clock() -> Clock:
    """The issuer's clock."""
    return Clock()


@pytest.fixture
def holders() -> FakeHolders:
    """Alice and Bob have keys."""
    return FakeHolders(ALICE, BOB)


@pytest.fixture
def issuer(clock: Clock, holders: FakeHolders) -> Issuer:
    """Gives tokens to both."""
    return Issuer(SETTINGS, KEY, holders, clock)


def test_the_fake_holders_are_a_verifier_of_keys() -> None:
    """What the issuer and the guard ask of the real ones: the same answers, the same errors."""
    fake = FakeHolders(ALICE)
    as_holders: KeyHolders = fake
    as_verifier: Verifier = fake
    assert as_verifier.takes("tm_a1_secret")
    assert not as_verifier.takes("a.b.c")
    assert ALICE == as_holders.principal("tm_a1_secret") == as_holders.is_active("a1")
    assert as_holders.is_active("b2") is None
    with pytest.raises(CredentialsInvalidError):
        as_holders.principal("tm_a1_other")
    fake.unavailable = True
    with pytest.raises(AuthUnavailableError):
        as_holders.principal("tm_a1_secret")
    with pytest.raises(AuthUnavailableError):
        as_holders.is_active("a1")


def test_a_token_says_what_rfc_9068_asks_for(issuer: Issuer, clock: Clock) -> None:
    """And anybody can check it with the published key and another library's registry of claims."""
    granted = issuer.grant(client(ALICE), "models:read")
    keys = KeySet.import_key_set(issuer.public_keys())  # type: ignore[arg-type]  # as it comes over the wire
    token = jwt.decode(granted.token, keys, algorithms=["ES256"])
    assert {"typ": "at+jwt", "alg": "ES256", "kid": KEY.kid} == token.header
    jti = token.claims.pop("jti")
    assert {
        "iss": "https://textmill.example",
        "aud": "textmill",
        "sub": "a1",
        "client_id": "a1",
        "scope": "models:read",
        "iat": int(clock.now),
        "exp": int(clock.now) + 600,
    } == token.claims
    assert len(jti) > 20
    assert issuer.grant(client(ALICE), "models:read").token != granted.token
    assert (600, ("models:read",)) == (granted.seconds, granted.scopes)


def test_the_published_key_is_public(issuer: Issuer) -> None:
    """Named by its thumbprint (RFC 7638), and without the private half."""
    (published,) = issuer.public_keys()["keys"]
    assert {"kty", "crv", "x", "y", "kid", "use", "alg"} == published.keys()
    assert ECKey.import_key(published).thumbprint() == published["kid"]


def test_its_bearer_is_the_keys_holder_with_the_tokens_scopes(issuer: Issuer) -> None:
    """The key's id and limits: a token is no way around them."""
    token = issuer.grant(client(ALICE), "predict:sentiment models:read").token
    assert issuer.takes(token)
    bearer = issuer.principal(token)
    assert frozenset({"predict:sentiment", "models:read"}) == bearer.scopes
    assert (ALICE.id, ALICE.name, ALICE.quota) == (bearer.id, bearer.name, bearer.quota)


@pytest.mark.parametrize(
    ("holder", "scope", "expected"),
    [
        (ALICE, None, ("models:read", "predict:*")),
        (ALICE, "predict:sentiment", ("predict:sentiment",)),
        (ALICE, "models:read models:read", ("models:read",)),
        (BOB, "predict:* metrics:read", ("metrics:read", "predict:*")),
        (ALICE, "admin", None),
        (ALICE, "models:read admin", None),
        (ALICE, "metrics:read", None),
        (ALICE, "openid", None),
        (BOB, "everything", None),
        (ALICE, "models:read  predict:*", None),
        (ALICE, " ", None),
        (ALICE, "models:read\tpredict:*", None),
    ],
)
def test_a_token_may_what_its_key_may_at_most(
    issuer: Issuer, holder: Principal, scope: str | None, expected: tuple[str, ...] | None
) -> None:
    """Asked for more, there is none; asked for nothing, it may all."""
    if expected is not None:
        assert expected == issuer.grant(client(holder), scope).scopes
        return
    with pytest.raises(TokenRefusedError) as caught:
        issuer.grant(client(holder), scope)
    assert "invalid_scope" == caught.value.fault


@pytest.mark.parametrize(
    "wrong",
    [
        Client("a1", "tm_b2_secret"),
        Client("b2", "tm_a1_secret"),
        Client("a1", "tm_a1_wrong"),
        Client("a1", "secret"),
        Client("c3", "tm_c3_secret"),
        Client("a1", "tm_a1_secret\n"),
        Client("a1", "tm_ä"),
        Client("a1", "tm_" + "a" * 10_000),
    ],
)
def test_who_does_not_show_the_key_gets_none(issuer: Issuer, wrong: Client) -> None:
    """Whatever is wrong, the answer is the same."""
    with pytest.raises(TokenRefusedError, match="not valid here, or 'client_id' is not its id") as caught:
        issuer.grant(wrong, None)
    assert "invalid_client" == caught.value.fault


def test_a_token_ends_with_its_time(issuer: Issuer, clock: Clock) -> None:
    """But for the seconds by which our own clocks may differ."""
    token = issuer.grant(client(ALICE), None).token
    clock.now += 604
    assert "a1" == issuer.principal(token).id
    clock.now += 2
    with pytest.raises(CredentialsInvalidError):
        issuer.principal(token)


def test_a_token_ends_with_its_key(issuer: Issuer, holders: FakeHolders) -> None:
    """At once, although it was just checked."""
    token = issuer.grant(client(ALICE), None).token
    assert "a1" == issuer.principal(token).id
    del holders.active["a1"]
    with pytest.raises(CredentialsInvalidError):
        issuer.principal(token)


def test_a_token_loses_what_its_key_loses(issuer: Issuer, holders: FakeHolders) -> None:
    """And gains nothing that its key gains."""
    token = issuer.grant(client(ALICE), None).token
    holders.active["a1"] = Principal("a1", "alice", "key", frozenset({"models:read", "admin"}))
    assert frozenset({"predict:*", "models:read"}) == issuer.principal(token).scopes
    holders.active["a1"] = Principal("a1", "alice", "key", frozenset({"models:read"}))
    assert frozenset({"models:read"}) == issuer.principal(token).scopes


def test_nobody_is_let_in_while_the_holders_are_unknown(issuer: Issuer, holders: FakeHolders) -> None:
    """Neither with a token nor with a key."""
    token = issuer.grant(client(ALICE), None).token
    holders.unavailable = True
    with pytest.raises(AuthUnavailableError):
        issuer.principal(token)
    with pytest.raises(AuthUnavailableError):
        issuer.grant(client(ALICE), None)


def own(**changes: Any) -> dict[str, Any]:
    """The claims of a token of ours."""
    return claims(iss=SETTINGS.issuer, aud="textmill", sub="a1") | changes


def test_only_tokens_of_ours_are_taken(issuer: Issuer) -> None:
    """By their beginning, which is that of our key; other issuers' are left to others."""
    assert not issuer.takes(signed(ec(), "ES256", own()))
    assert not issuer.takes(signed(rsa(), "RS256", own()))
    assert not issuer.takes("tm_a1_secret")
    assert not issuer.takes("")
    assert not issuer.takes("a.b.c")


@pytest.mark.parametrize(
    "changes", [{"aud": "other"}, {"iss": "other"}, {"sub": "c3"}, {"exp": NOW - 100}, {"iat": NOW + 100}]
)
def test_another_token_of_our_key_is_refused(issuer: Issuer, changes: dict[str, Any]) -> None:
    """The key alone does not make it one for this API."""
    assert "a1" == issuer.principal(KEY.sign(own(), "at+jwt")).id
    with pytest.raises(CredentialsInvalidError):
        issuer.principal(KEY.sign(own(**changes), "at+jwt"))


def test_a_token_of_another_type_is_refused(issuer: Issuer) -> None:
    """What is signed for another purpose is no access token."""
    with pytest.raises(CredentialsInvalidError):
        issuer.principal(KEY.sign(own(), "JWT"))


def test_a_changed_token_is_refused(issuer: Issuer) -> None:
    """Behind its beginning everything is signed."""
    token = issuer.grant(client(ALICE), "models:read").token
    head, payload, signature = token.split(".")
    content = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = base64.urlsafe_b64encode(json.dumps(content | {"scope": "admin"}).encode()).rstrip(b"=").decode()
    for changed in (
        f"{head}.{forged}.{signature}",
        f"{head}.{payload}.",
        f"{head}.{payload}.{signature[:-2]}",
    ):
        with pytest.raises(CredentialsInvalidError):
            issuer.principal(changed)


def test_the_guard_takes_keys_and_their_tokens(issuer: Issuer, holders: FakeHolders) -> None:
    """Side by side."""
    guard = Guard([holders, issuer], anonymous(()))
    token = issuer.grant(client(ALICE), None).token
    assert ALICE == guard.identify({"authorization": "Bearer tm_a1_secret"})
    assert "a1" == guard.identify({"authorization": f"Bearer {token}"}).id
    with pytest.raises(CredentialsInvalidError):
        guard.identify({"authorization": f"Bearer {signed(ec(), 'ES256', own())}"})


def basic(text: str) -> str:
    """The header of HTTP Basic."""
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "form", "expected"),
    [
        (basic("a1:tm_a1_secret"), {}, Client("a1", "tm_a1_secret")),
        (basic("a%2B1:tm%5Fa1_se:cret").replace("Basic", "bAsIc"), {}, Client("a+1", "tm_a1_se:cret")),
        (basic("a1:tm_a1_secret"), {"client_id": "a1"}, Client("a1", "tm_a1_secret")),
        (None, {"client_id": "a1", "client_secret": "tm_a1_secret"}, Client("a1", "tm_a1_secret")),
        (basic("a1:tm_a1_secret"), {"client_id": "a1", "client_secret": "tm_a1_secret"}, "invalid_request"),
        (basic("a1:tm_a1_secret"), {"client_id": "b2"}, "invalid_request"),
        (None, {}, "invalid_client"),
        (None, {"client_id": "a1"}, "invalid_client"),
        (None, {"client_secret": "tm_a1_secret"}, "invalid_client"),
        ("Bearer tm_a1_secret", {}, "invalid_client"),
        ("", {}, "invalid_client"),
        ("Basic", {}, "invalid_client"),
        ("Basic !!!!", {}, "invalid_client"),
        ("Basic ä", {}, "invalid_client"),
        ("Basic //8=", {}, "invalid_client"),
        (basic("a1"), {}, "invalid_client"),
        (basic("a1:"), {}, "invalid_client"),
        (basic(":tm_a1_secret"), {}, "invalid_client"),
        (basic("a1:x") + "," + basic("a1:y"), {}, "invalid_client"),
    ],
)
def test_a_client_shows_its_key_in_one_way(
    authorization: str | None, form: Mapping[str, str], expected: Client | str
) -> None:
    """With HTTP Basic or in the form; what is unclear is refused, in the words of RFC 6749."""
    try:
        found: Client | str = client_of(authorization, form)
    except TokenRefusedError as error:
        found = error.fault
    assert expected == found


def test_no_secret_shows() -> None:
    """Neither a client nor a token, when somebody prints them."""
    assert "secret" not in repr(Client("a1", "tm_a1_secret")).replace("secret=", "")


def test_a_missing_signing_key_is_made_for_its_owner_only(tmp_path: Path) -> None:
    """And read again the next time."""
    file = tmp_path / "key.json"
    made = signing_key(str(file))
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert made.kid == signing_key(str(file)).kid == json.loads(file.read_bytes())["kid"]
    assert [tmp_path / "key.json"] == list(tmp_path.iterdir())


MAKE = (
    "import sys; from textmill.security.signing_file import signing_key; print(signing_key(sys.argv[1]).kid)"
)


def test_of_several_processes_one_makes_the_key(tmp_path: Path) -> None:
    """All of them end up with the same, and nothing is left lying about."""
    file = str(tmp_path / "key.json")
    processes = [
        subprocess.Popen([sys.executable, "-c", MAKE, file], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    kids = {process.communicate(timeout=60)[0] for process in processes}
    assert 1 == len(kids)
    assert [tmp_path / "key.json"] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no JSON Web Key of the type EC"),
        (b"-----BEGIN PRIVATE KEY-----", "no JSON Web Key of the type EC"),
        (b"[]", "no JSON Web Key of the type EC"),
        (b"5", "no JSON Web Key of the type EC"),
        (b'"text"', "no JSON Web Key of the type EC"),
        (b"[" * 16_000, "no JSON Web Key of the type EC"),
        (json.dumps(rsa().as_dict(private=True)).encode(), "no JSON Web Key of the type EC"),
        (json.dumps(ec().as_dict(private=False)).encode(), "no private key of the curve P-256"),
        (json.dumps(ec("a", "P-384").as_dict(private=True)).encode(), "no private key of the curve P-256"),
    ],
)
def test_a_file_with_something_else_is_refused_and_left_alone(
    tmp_path: Path, content: bytes, message: str
) -> None:
    """Nothing of it is in the message."""
    file = tmp_path / "key.json"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        signing_key(str(file))
    assert content == file.read_bytes()


def test_a_folder_that_is_not_there_is_told() -> None:
    """With what to do."""
    with pytest.raises(ConfigurationError, match="can be neither read nor made: No such file or directory"):
        signing_key("no/such/folder/key.json")


def test_a_key_that_others_can_read_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It works (secrets are mounted like that), and the log says what to do."""
    file = tmp_path / "key.json"
    signing_key(str(file))
    file.chmod(0o644)
    with caplog.at_level(logging.WARNING, "textmill"):
        signing_key(str(file))
    assert "make it yours alone: chmod 600" in caplog.text
