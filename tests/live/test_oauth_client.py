"""A plain OAuth2 client library against the real servers: it gets a token and uses it."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.live.conftest import FRAMEWORKS
from tests.live.running import HOST, ONLY_SENTIMENT, Server, running

TEXT = {"text": "I love it."}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the servers' keys are."""
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/keys.sqlite"


@pytest.fixture(scope="module")
def key(store: str) -> tuple[str, str]:
    """A key's id and the whole key, as its holder was given it."""
    create = ["-m", "textmill", "keys", "create", "alice", "--quiet", "--store", store]
    scopes = ["--scope", "predict:*", "--scope", "models:read"]
    text = subprocess.check_output([sys.executable, *create, *scopes], text=True).strip()
    return text.split("_")[1], text


@pytest.fixture(scope="module")
def issuers(
    tmp_path_factory: pytest.TempPathFactory, store: str, key: tuple[str, str]
) -> Iterator[dict[str, Server]]:
    """A server for each framework, with two workers that make the signing key at once."""
    assert key
    settings = {"TEXTMILL_OAUTH__ENABLED": "true", "TEXTMILL_KEYS__STORE": store}
    flags = ("--auth", "required", "--workers", "2", *ONLY_SENTIMENT)
    with ExitStack() as stack:
        found = {
            name: stack.enter_context(running(tmp_path_factory.mktemp(name), name, *flags, settings=settings))
            for name in FRAMEWORKS
        }
        for server in found.values():
            server.wait_until_ready()
        yield found


@pytest.fixture
def issuer(framework: str, issuers: dict[str, Server], monkeypatch: pytest.MonkeyPatch) -> Server:
    """The framework's server; the client library is told that plain HTTP is meant."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "true")
    return issuers[framework]


def url(server: Server, path: str) -> str:
    """An address on the server."""
    return f"http://{HOST}:{server.port}{path}"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_client_library_gets_a_token_and_uses_it(issuer: Server, key: tuple[str, str], method: str) -> None:
    """Both ways to show the key; the token opens what it may, and nothing else."""
    with OAuth2Session(*key, scope="predict:sentiment", token_endpoint_auth_method=method) as session:
        token = session.fetch_token(url(issuer, "/oauth/token"), grant_type="client_credentials")
        assert ("Bearer", 600, "predict:sentiment") == (
            token["token_type"],
            token["expires_in"],
            token["scope"],
        )
        assert {"sentiment": "positive"} == session.post(url(issuer, "/predict"), json=TEXT).json()
        assert 403 == session.get(url(issuer, "/v1/models")).status_code


def test_every_worker_takes_every_workers_tokens(issuer: Server, key: tuple[str, str]) -> None:
    """They share one signing key, whoever made it; each new connection may reach another worker."""

    def use(_: int) -> int:
        with OAuth2Session(*key) as session:
            token = session.fetch_token(url(issuer, "/oauth/token"), grant_type="client_credentials")
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        return issuer.ask("GET", "/v1/models", headers=headers)[0]

    with ThreadPoolExecutor(4) as pool:
        assert {200} == set(pool.map(use, range(24)))


def test_others_can_check_a_token_with_the_published_key(issuer: Server, key: tuple[str, str]) -> None:
    """As a gateway would."""
    with OAuth2Session(*key) as session:
        token = session.fetch_token(url(issuer, "/oauth/token"), grant_type="client_credentials")
    status, keys = issuer.get("/.well-known/jwks.json")
    checked = jwt.decode(token["access_token"], KeySet.import_key_set(keys), algorithms=["ES256"])
    assert (200, key[0]) == (status, checked.claims["sub"])


def test_a_client_library_understands_a_refusal(issuer: Server) -> None:
    """It reads `error` and `error_description`."""
    with OAuth2Session("a1", "tm_a1_wrong") as session, pytest.raises(OAuthError) as caught:
        session.fetch_token(url(issuer, "/oauth/token"), grant_type="client_credentials")
    assert "invalid_client" == caught.value.error


def test_keys_and_tokens_are_in_no_log(issuer: Server, key: tuple[str, str]) -> None:
    """Good ones and bad ones, in headers and in forms."""
    with OAuth2Session(*key) as session:
        token = session.fetch_token(url(issuer, "/oauth/token"), grant_type="client_credentials")[
            "access_token"
        ]
    credential = base64.b64encode(b"a1:tm_a1_Kanarienvogel").decode()
    form = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Basic {credential}"}
    assert 401 == issuer.ask("POST", "/oauth/token", b"grant_type=client_credentials", form)[0]
    assert 401 == issuer.ask("GET", "/v1/models", headers={"Authorization": f"Bearer {token}x"})[0]
    for canary in (key[1], "tm_a1", "Kanarienvogel", credential, token, *token.split(".")):
        assert canary not in issuer.output


def test_swagger_ui_asks_as_we_answer(issuer: Server, key: tuple[str, str]) -> None:
    """What its Authorize button sends, an empty scope included, gets a token."""
    page = issuer.ask("GET", "/docs/swagger-ui-bundle.js")[2].decode()
    assert 'Authorization:"Basic "+' in page
    assert 'grant_type:"client_credentials",scope:' in page
    headers = {
        "Accept": "application/json, text/plain, */*",
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Requested-With": "XMLHttpRequest",
        "Authorization": "Basic " + base64.b64encode(":".join(key).encode()).decode(),
    }
    status, _, body = issuer.ask("POST", "/oauth/token", b"grant_type=client_credentials&scope=", headers)
    assert (200, "models:read predict:*") == (status, json.loads(body)["scope"])
