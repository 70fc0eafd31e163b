"""Tokens on both frameworks: who is let in with one, and how the holder of a key gets one."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.testclient import TestClient

from tests.contract.conftest import FRAMEWORKS, wait_until_ready
from tests.fakes import FakeHolders
from tests.tokens import AUDIENCE, ISSUER, by_hand, claims, ec, jwks, rsa, signed
from textmill.contracts.problems import Problem
from textmill.contracts.routes import FORM, ROUTES, Route
from textmill.contracts.tokens import TokenFault, TokenReply
from textmill.engine.engine import Engine
from textmill.errors import ConfigurationError
from textmill.runtimes.registry import DEFAULT_MODELS
from textmill.security.guard import Guard
from textmill.security.principals import Principal, anonymous
from textmill.security.trust import token_verifier
from textmill.service.access import Access
from textmill.service.authentication import issuer
from textmill.service.lifecycle import create_service, models, waiting_threads
from textmill.service.service import Service
from textmill.settings import Settings
from textmill.web import fastapi, flask

ALICE = Principal("a1", "alice", "key", frozenset({"predict:sentiment", "models:read"}))
HOLDERS = FakeHolders(ALICE)
PUBLIC_URL = "https://textmill.example"
OAUTH = [route for route in ROUTES if route.feature == "oauth"]
COMPARED = (
    "content-type",
    "www-authenticate",
    "cache-control",
    "pragma",
    "allow",
    "retry-after",
    "content-length",
)
GOOD_FORM = b"grant_type=client_credentials"
TEXT = {"text": "I love it."}
NO_KEY: Mapping[str, str] = {}


def secured(folder: Path, framework: str, **groups: Any) -> Service:
    """A service with one model that asks for credentials, and takes tokens of two issuers: one is itself."""
    (folder / "jwks.json").write_bytes(jwks(ec(), rsa()))
    given: dict[str, Any] = {
        "server": {"framework": framework},
        "models": {"sentiment": {"path": DEFAULT_MODELS["sentiment"].path}},
        "security": {"auth": "required"},
        "tokens": {"jwks": str(folder / "jwks.json"), "issuer": ISSUER, "audience": AUDIENCE},
        "oauth": {"enabled": True, "issuer": PUBLIC_URL, "signing_key_file": str(folder / "signing.json")},
    }
    settings = Settings.load(**(given | groups))
    gives, outside = issuer(settings, HOLDERS), token_verifier(settings.tokens)
    verifiers = [verifier for verifier in (HOLDERS, gives, outside) if verifier is not None]
    return Service(
        settings,
        Engine(models(settings)),
        access=Access(Guard(verifiers, anonymous(settings.security.anonymous_scopes))),
        issuer=gives,
        in_flight=waiting_threads(settings),
    )


@contextmanager
def serving(service: Service) -> Iterator[httpx2.Client]:
    """A client of the service on its framework."""
    if service.settings.server.framework == "fastapi":
        with TestClient(fastapi.app(service), base_url="http://textmill") as client:
            yield client
        return
    transport = httpx2.WSGITransport(app=flask.app(service))
    with httpx2.Client(transport=transport, base_url="http://textmill") as client:
        yield client
    service.close()


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, httpx2.Client]]:
    """A client for each framework; both services have the same files, as workers have."""
    folder = tmp_path_factory.mktemp("issuer")
    with ExitStack() as stack:
        found = {name: stack.enter_context(serving(secured(folder, name))) for name in FRAMEWORKS}
        for client in found.values():
            wait_until_ready(client)
        yield found


def fresh(**changes: Any) -> dict[str, Any]:
    """Claims that are good now."""
    now = int(time.time())
    return claims(**({"iat": now, "exp": now + 300} | changes))


def bearer(token: str) -> dict[str, str]:
    """The header that brings it."""
    return {"authorization": f"Bearer {token}"}


def basic(name: str = ALICE.id, secret: str | None = None) -> dict[str, str]:
    """The header in which a client shows its key."""
    text = f"{name}:{FakeHolders.key(ALICE.id) if secret is None else secret}"
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def ask(client: httpx2.Client, body: bytes = GOOD_FORM, key: Mapping[str, str] = NO_KEY) -> httpx2.Response:
    """Ask for a token."""
    headers = {"content-type": FORM, "x-request-id": "the-same-id", **key}
    return client.post("/oauth/token", content=body, headers=headers)


def seen(answer: httpx2.Response) -> dict[str, Any]:
    """What a caller sees of an answer."""
    headers = {name: answer.headers.get(name) for name in COMPARED}
    return {"status": answer.status_code, "headers": headers, "body": answer.content}


def test_a_token_opens_what_its_scopes_say(client: httpx2.Client) -> None:
    """The outside issuer's: 200 with the scope, 403 that names a missing one, 401 without a token."""
    token = bearer(signed(ec(), "ES256", fresh(scope="predict:sentiment")))
    assert 200 == client.post("/predict", json=TEXT, headers=token).status_code
    refused = client.get("/v1/models", headers=token)
    assert (403, 'Bearer realm="textmill", error="insufficient_scope", scope="models:read"') == (
        refused.status_code,
        refused.headers["www-authenticate"],
    )
    assert 401 == client.post("/predict", json=TEXT).status_code


BAD_TOKENS: dict[str, Callable[[], str]] = {
    "expired": lambda: signed(ec(), "ES256", fresh(exp=int(time.time()) - 60)),
    "not yet valid": lambda: signed(ec(), "ES256", fresh(nbf=int(time.time()) + 60)),
    "another issuer": lambda: signed(ec(), "ES256", fresh(iss="https://other.example")),
    "another audience": lambda: signed(ec(), "ES256", fresh(aud="https://other.example")),
    "no signature": lambda: by_hand({"alg": "none"}, fresh(), None),
    "signed with the public key": lambda: by_hand({"alg": "HS256"}, fresh(), jwks(ec(), rsa())),
    "signed with a key that it brings": lambda: signed(
        ec("own"), "ES256", fresh(), kid="first", jwk=ec("own").as_dict(private=False)
    ),
    "cut short": lambda: signed(rsa(), "RS256", fresh())[:-7],
    "garbage": lambda: "a.b.c",
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_a_bad_token_gets_the_one_answer(clients: dict[str, httpx2.Client], name: str) -> None:
    """401, the same bytes whatever is wrong with it, on both frameworks."""
    headers = bearer(BAD_TOKENS[name]()) | {"x-request-id": "the-same-id"}
    first, second = (seen(client.get("/v1/models", headers=headers)) for client in clients.values())
    unknown = seen(clients["fastapi"].get("/v1/models", headers={**headers, **bearer("nobodys-key")}))
    assert first == second == unknown
    assert 401 == first["status"]
    assert 'Bearer realm="textmill", error="invalid_token"' == first["headers"]["www-authenticate"]


def test_a_token_longer_than_any_is_not_looked_at(clients: dict[str, httpx2.Client]) -> None:
    """Although it is good; both frameworks say the same."""
    headers = bearer(signed(ec(), "ES256", fresh(filling="a" * 9000))) | {"x-request-id": "the-same-id"}
    first, second = (seen(client.get("/v1/models", headers=headers)) for client in clients.values())
    assert first == second
    assert (401, True) == (first["status"], b"malformed" in first["body"])


def test_an_unknown_key_name_is_a_503_first_and_then_a_401(client: httpx2.Client) -> None:
    """The keys are read again meanwhile."""
    headers = bearer(signed(ec("never seen"), "ES256", fresh()))
    statuses = [client.get("/v1/models", headers=headers).status_code]
    until = time.monotonic() + 10
    while statuses[-1] != 401 and time.monotonic() < until:
        statuses.append(client.get("/v1/models", headers=headers).status_code)
    assert 401 == statuses[-1]
    assert {503, 401} >= set(statuses)


def test_the_holder_of_a_key_gets_a_token_and_uses_it(clients: dict[str, httpx2.Client]) -> None:
    """Asked for on one framework, used on both: they share the signing key."""
    for client in clients.values():
        answer = ask(client, GOOD_FORM + b"&scope=predict:sentiment", basic())
        reply = TokenReply.model_validate_json(answer.content)
        assert (200, "no-store", "application/json") == (
            answer.status_code,
            answer.headers["cache-control"],
            answer.headers["content-type"],
        )
        assert ("Bearer", 600, "predict:sentiment") == (reply.token_type, reply.expires_in, reply.scope)
        for user in clients.values():
            assert 200 == user.post("/predict", json=TEXT, headers=bearer(reply.access_token)).status_code
            assert 403 == user.get("/v1/models", headers=bearer(reply.access_token)).status_code


def test_a_form_may_bring_the_key_and_words_that_we_do_not_know(client: httpx2.Client) -> None:
    """Without a scope, and with an empty one as Swagger UI sends it, the token may all that the key may."""
    body = GOOD_FORM + b"&scope=&client_id=a1&client_secret=tm_a1_secret&resource=x&resource2="
    reply = TokenReply.model_validate_json(ask(client, body).content)
    assert "models:read predict:sentiment" == reply.scope


def test_a_revoked_key_ends_its_tokens(client: httpx2.Client) -> None:
    """At once."""
    token = bearer(ask(client, key=basic()).json()["access_token"])
    assert 200 == client.get("/v1/models", headers=token).status_code
    del HOLDERS.active[ALICE.id]
    try:
        assert 401 == client.get("/v1/models", headers=token).status_code
    finally:
        HOLDERS.active[ALICE.id] = ALICE


def test_while_the_key_store_is_gone_there_are_no_tokens(clients: dict[str, httpx2.Client]) -> None:
    """503 with Retry-After, as a problem document."""
    HOLDERS.unavailable = True
    try:
        first, second = (ask(client, key=basic()) for client in clients.values())
    finally:
        HOLDERS.unavailable = False
    assert seen(first) == seen(second)
    assert (503, "3", "auth-unavailable") == (
        first.status_code,
        first.headers["retry-after"],
        Problem.model_validate_json(first.content).code,
    )


@dataclass(frozen=True)
class Bad:
    """A request for a token, and how it ends."""

    name: str
    status: int
    error: str
    body: bytes = GOOD_FORM
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=basic)
    type: str | None = FORM


BAD = [
    Bad("no credentials", 401, "invalid_client", headers={}),
    Bad("another's id", 401, "invalid_client", headers=basic("b2")),
    Bad("a wrong key", 401, "invalid_client", headers=basic(secret="tm_a1_wrong")),
    Bad("no key", 401, "invalid_client", headers=basic(secret="")),
    Bad("broken basic", 401, "invalid_client", headers={"authorization": "Basic !"}),
    Bad("the key as a bearer", 401, "invalid_client", headers=bearer("tm_a1_secret")),
    Bad("two ways at once", 400, "invalid_request", GOOD_FORM + b"&client_id=a1&client_secret=tm_a1_secret"),
    Bad("nothing", 400, "invalid_request", b""),
    Bad("no grant type", 400, "invalid_request", b"scope=models:read"),
    Bad("an empty grant type", 400, "invalid_request", b"grant_type="),
    Bad("another grant", 400, "unsupported_grant_type", b"grant_type=password&username=a&password=b"),
    Bad("another case", 400, "unsupported_grant_type", b"grant_type=CLIENT_CREDENTIALS"),
    Bad("too much", 400, "invalid_scope", GOOD_FORM + b"&scope=admin"),
    Bad("unknown words", 400, "invalid_scope", GOOD_FORM + b"&scope=openid%20email"),
    Bad("grant type twice", 400, "invalid_request", GOOD_FORM + b"&" + GOOD_FORM),
    Bad("scope twice", 400, "invalid_request", GOOD_FORM + b"&scope=models:read&scope=admin"),
    Bad("invalid utf-8", 400, "invalid_request", GOOD_FORM + b"&scope=\xff"),
    Bad("invalid utf-8, escaped", 400, "invalid_request", GOOD_FORM + b"&scope=%ff"),
    Bad("too many parameters", 400, "invalid_request", b"&".join(b"p%d=1" % i for i in range(40))),
    Bad("json", 400, "invalid_request", b'{"grant_type":"client_credentials"}', type="application/json"),
    Bad("multipart", 400, "invalid_request", type="multipart/form-data; boundary=x"),
    Bad("no type", 400, "invalid_request", type=None),
    Bad("latin-1", 400, "invalid_request", type=f"{FORM}; charset=latin-1"),
    Bad("compressed", 400, "invalid_request", headers={**basic(), "content-encoding": "gzip"}),
    Bad("oversized", 413, "body-too-large", GOOD_FORM + b"&scope=" + b"a" * 20_000),
    Bad("larger than any body", 413, "body-too-large", GOOD_FORM + b"&scope=" + b"a" * 3_000_000),
    Bad("get", 405, "method-not-allowed", b"", "GET"),
    Bad("put", 405, "method-not-allowed", method="PUT"),
]


def send(client: httpx2.Client, bad: Bad) -> httpx2.Response:
    """Send it with a fixed id, so that answers can be compared."""
    headers = {
        "x-request-id": "the-same-id",
        **bad.headers,
        **({"content-type": bad.type} if bad.type else {}),
    }
    return client.request(bad.method, "/oauth/token", content=bad.body, headers=headers)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_wrong_request_for_a_token(clients: dict[str, httpx2.Client], bad: Bad) -> None:
    """In the words of RFC 6749 where it is about the grant, else a problem; the same on both frameworks."""
    first, second = (seen(send(client, bad)) for client in clients.values())
    assert first == second
    assert bad.status == first["status"]
    if bad.status not in (400, 401):
        assert bad.error == Problem.model_validate_json(first["body"]).code
        return
    assert bad.error == TokenFault.model_validate_json(first["body"]).error
    assert "no-store" == first["headers"]["cache-control"]
    challenge = 'Basic realm="textmill", charset="UTF-8"' if bad.status == 401 else None
    assert challenge == first["headers"]["www-authenticate"]


def test_nothing_of_a_wrong_request_comes_back(client: httpx2.Client) -> None:
    """Neither a key nor anything else."""
    canary = "Kanarienvogel-4711"
    for answer in (
        ask(client, GOOD_FORM, basic(canary, f"tm_{canary}")),
        ask(client, f"grant_type={canary}".encode(), basic()),
        ask(client, GOOD_FORM + f"&scope={canary}".encode(), basic()),
        ask(client, f"{canary}=1&{canary}=2".encode(), basic()),
        ask(client, GOOD_FORM, {"authorization": f"Basic {canary}"}),
    ):
        assert answer.status_code in (400, 401)
        assert canary not in answer.text


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=60)
    | st.lists(
        st.tuples(
            st.sampled_from(["grant_type", "scope", "client_id", "client_secret", "x"]),
            st.text(max_size=12) | st.sampled_from(["client_credentials", "a1", "admin", "models:read"]),
        ),
        max_size=5,
    ).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs).encode("utf-8", "replace")),
    key=st.sampled_from([{}, basic(), basic("a1", "tm_x"), {"authorization": "Basic x"}]),
)
def test_whatever_is_sent_as_a_form_is_answered_alike(
    clients: dict[str, httpx2.Client], body: bytes, key: dict[str, str]
) -> None:
    """A token, or a refusal: never a 5xx."""
    first, second = (ask(client, body, key) for client in clients.values())
    assert first.status_code == second.status_code
    assert first.status_code in (200, 400, 401)
    if first.status_code != 200:
        assert seen(first) == seen(second)


def test_the_key_and_the_server_are_published(clients: dict[str, httpx2.Client]) -> None:
    """The same bytes everywhere, open to everybody, and full addresses of this API."""
    for path in ("/.well-known/jwks.json", "/.well-known/oauth-authorization-server"):
        first, second = (seen(client.get(path)) for client in clients.values())
        assert first == second
        assert (200, "public, max-age=300") == (first["status"], first["headers"]["cache-control"])
    described = clients["flask"].get("/.well-known/oauth-authorization-server").json()
    assert (PUBLIC_URL, f"{PUBLIC_URL}/oauth/token", f"{PUBLIC_URL}/.well-known/jwks.json") == (
        described["issuer"],
        described["token_endpoint"],
        described["jwks_uri"],
    )


@pytest.mark.parametrize("route", OAUTH, ids=lambda route: route.operation)
def test_what_is_documented_is_what_is_answered(client: httpx2.Client, route: Route) -> None:
    """The example with a scope that this key has: every reply is valid for its schema."""
    example = {**route.examples[0], "scope": "models:read"} if route.request else None
    answer = client.request(route.method, route.path, data=example, headers=basic())
    assert (200, route.media_type) == (answer.status_code, answer.headers["content-type"])
    route.reply[0].model_validate_json(answer.content)


def test_the_document_lets_swagger_ui_authorize(clients: dict[str, httpx2.Client]) -> None:
    """A scheme for the grant, with a path beside the document's own, and each operation's scope in it."""
    first, second = (client.get("/openapi.json").content for client in clients.values())
    assert first == second
    document = json.loads(first)
    assert [] == list(OpenAPIV31SpecValidator(document).iter_errors())
    flow = document["components"]["securitySchemes"]["OAuth2"]["flows"]["clientCredentials"]
    assert "oauth/token" == flow["tokenUrl"]
    assert {"predict:*", "models:read", "metrics:read", "admin"} == flow["scopes"].keys()
    assert {"OAuth2": ["predict:*"]} in document["paths"]["/predict"]["post"]["security"]
    token = document["paths"]["/oauth/token"]["post"]
    assert [FORM] == list(token["requestBody"]["content"])
    assert {"200", "400", "401", "408", "413", "429", "503"} == token["responses"].keys()


def hosting(service: Service) -> TestClient | httpx2.Client:
    """A client of somebody else's app, with the service below a prefix."""
    if service.settings.server.framework == "fastapi":
        host = FastAPI()
        host.include_router(fastapi.router(service), prefix="/nlp")
        return TestClient(host, base_url="http://textmill")
    other = Flask("host")
    other.register_blueprint(flask.blueprint(service), url_prefix="/nlp")
    return httpx2.Client(transport=httpx2.WSGITransport(app=other), base_url="http://textmill")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_tokens_work_inside_somebody_elses_app(tmp_path: Path, framework: str) -> None:
    """Below a prefix, asked for and used."""
    service = secured(tmp_path, framework)
    with hosting(service) as client:
        headers = {"content-type": FORM, **basic()}
        token = client.post("/nlp/oauth/token", content=GOOD_FORM, headers=headers).json()["access_token"]
        assert 200 == client.get("/nlp/v1/models", headers=bearer(token)).status_code
        assert 401 == client.get("/nlp/v1/models").status_code
    service.close()


def test_a_fastapi_hosts_document_shows_the_form(tmp_path: Path) -> None:
    """With its refusals, in a document that stays valid; without OAuth, nothing of it."""
    with hosting(secured(tmp_path, "fastapi")) as client:
        document = client.get("/openapi.json").json()
    with hosting(secured(tmp_path, "fastapi", oauth={"enabled": False})) as client:
        assert "/nlp/oauth/token" not in client.get("/openapi.json").json()["paths"]
    assert [] == list(OpenAPIV31SpecValidator(document).iter_errors())
    described = document["paths"]["/nlp/oauth/token"]["post"]
    assert [FORM] == list(described["requestBody"]["content"])
    refusal = {"$ref": "#/components/schemas/TokenFault"}
    assert refusal == described["responses"]["401"]["content"]["application/json"]["schema"]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("route", OAUTH, ids=lambda route: route.operation)
def test_without_oauth_its_paths_are_not_there(tmp_path: Path, framework: str, route: Route) -> None:
    """404 with any method, and not a word in the document."""
    service = secured(tmp_path, framework, oauth={"enabled": False})
    app = TestClient(fastapi.app(service)) if framework == "fastapi" else None
    client = app or httpx2.Client(transport=httpx2.WSGITransport(app=flask.app(service)))
    for method in ("GET", "POST", "DELETE"):
        answer = client.request(method, f"http://textmill{route.path}")
        assert (404, "route-not-found") == (answer.status_code, answer.json()["code"])
    assert "oauth" not in client.get("http://textmill/openapi.json").text.lower()
    client.close()
    service.close()


def test_an_issuer_without_an_address_has_no_description(tmp_path: Path) -> None:
    """It would have to name full addresses; the answer says what to set."""
    oauth = {"enabled": True, "signing_key_file": str(tmp_path / "key.json")}
    with serving(secured(tmp_path, "flask", oauth=oauth)) as client:
        answer = client.get("/.well-known/oauth-authorization-server")
    assert (404, True) == (answer.status_code, "oauth.issuer" in answer.json()["detail"])


def test_readiness_tells_when_tokens_cannot_be_checked(tmp_path: Path) -> None:
    """An issuer that was never reached: 503 with the reason, and no address in it."""
    tokens = {"jwks": "http://127.0.0.1:9/jwks", "audience": AUDIENCE}
    with serving(secured(tmp_path, "flask", tokens=tokens)) as client:
        refused = client.get("/v1/models", headers=bearer(signed(ec(), "ES256", fresh())))
        until = time.monotonic() + 60
        while "ready" not in (answer := client.get("/health/ready")).json()["models"].values():
            assert time.monotonic() < until
        answer = client.get("/health/ready")
    assert (503, "1") == (refused.status_code, refused.headers["retry-after"])
    assert (503, "The token issuer's keys cannot be read.") == (answer.status_code, answer.json()["reason"])


def test_tokens_for_keys_need_keys(tmp_path: Path) -> None:
    """Enabled without them, it is a mistake in the settings."""
    oauth = {"enabled": True, "signing_key_file": str(tmp_path / "key.json")}
    chosen = Settings.load(oauth=oauth, security={"auth": "none"})
    with pytest.raises(ConfigurationError, match="Nothing would come of the settings oauth"):
        create_service(chosen)
    assert [] == list(tmp_path.iterdir())
