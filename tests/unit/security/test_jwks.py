"""The keys of an issuer: rotated, unreachable, slow, too large; and no request ever waits for them."""

from __future__ import annotations

import json
import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.tokens import (
    AUDIENCE,
    ISSUER,
    IssuerServer,
    claims,
    ec,
    issuer_server,
    jwks,
    redirect,
    rsa,
    signed,
)
from textmill.errors import AuthUnavailableError, ConfigurationError, CredentialsInvalidError
from textmill.security import fetching
from textmill.security import jwks as jwks_module
from textmill.security.fetching import FetchError, _SafeRedirects, check_url, fetch, is_loopback
from textmill.security.jwks import (
    Document,
    RemoteKeys,
    Timing,
    discovered,
    from_file,
    from_url,
    is_place_of,
    read_discovery,
)
from textmill.security.signatures import TokenError
from textmill.security.tokens import Rules, TokenVerifier
from textmill.security.trust import token_verifier
from textmill.settings import TokenSettings

TIMING = Timing(refresh_seconds=300, cached_seconds=3600)
RULES = Rules(frozenset({"RS256", "ES256"}), ISSUER, AUDIENCE)


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Shelf:
    """Where the keys lie; can be out of reach."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.error: Exception | None = None
        self.meanwhile: Callable[[], object] = lambda: None

    def __call__(self) -> Document:
        self.meanwhile()
        if self.error is not None:
            raise self.error
        return Document(self.content)


def eventually(happened: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether something that another thread does becomes true."""
    until = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > until:
            return False
        threading.Event().wait(0.005)
    return True


def outcome(keys: RemoteKeys, kid: str | None, algorithm: str = "ES256") -> str:
    """How the search for a key ends."""
    try:
        return str(keys.find(algorithm, kid).kid)
    except (AuthUnavailableError, TokenError) as error:
        return type(error).__name__


@pytest.fixture
def server() -> Iterator[IssuerServer]:
    """An issuer with one key."""
    with issuer_server({"/jwks": jwks(ec())}) as running:
        yield running


def test_until_keys_are_read_nobody_can_tell() -> None:
    """Neither yes nor no: the caller may come again."""
    keys = RemoteKeys(Shelf(jwks(ec())), TIMING, Clock())
    assert "AuthUnavailableError" == outcome(keys, "first")
    assert keys.trouble() is not None
    keys.refresh()
    assert "first" == outcome(keys, "first")
    assert keys.trouble() is None


def test_a_new_name_has_the_keys_read_again_and_the_request_comes_again() -> None:
    """Rotation without a restart, and without a request that waits."""
    clock, shelf = Clock(), Shelf(jwks(ec()))
    keys = RemoteKeys(shelf, TIMING, clock)
    keys.refresh()
    shelf.content = jwks(ec("second"))
    assert "AuthUnavailableError" == outcome(keys, "second")
    assert "first" == outcome(keys, "first")
    assert keys._wake.is_set()
    keys.refresh()
    assert ("second", "TokenError") == (outcome(keys, "second"), outcome(keys, "first"))


def test_invented_names_have_the_keys_read_once_in_ten_seconds() -> None:
    """Whoever sends them cannot make us a burden to the issuer, nor shut others out."""
    clock, shelf = Clock(), Shelf(jwks(ec()))
    keys = RemoteKeys(shelf, TIMING, clock)
    keys.refresh()
    assert ["AuthUnavailableError"] * 3 == [outcome(keys, f"invented-{number}") for number in range(3)]
    keys.refresh()
    assert ["TokenError"] * 3 == [outcome(keys, f"invented-{number}") for number in range(3)]
    assert "first" == outcome(keys, "first")
    clock.now += 9.9
    assert "TokenError" == outcome(keys, "invented")
    clock.now += 0.2
    assert "AuthUnavailableError" == outcome(keys, "invented")


def test_a_name_asked_for_while_keys_are_read_is_not_forgotten() -> None:
    """That reading may have come too early for it, so there is another one."""
    shelf = Shelf(jwks(ec()))
    keys = RemoteKeys(shelf, TIMING, Clock())
    keys.refresh()
    outcomes: list[str] = []
    shelf.meanwhile = lambda: outcomes.append(outcome(keys, "second"))
    keys.refresh()
    assert (["AuthUnavailableError"], True) == (outcomes, keys._wake.is_set())
    assert "AuthUnavailableError" == outcome(keys, "second")


def test_known_keys_go_on_for_their_time_then_nobody_is_let_in(caplog: pytest.LogCaptureFixture) -> None:
    """The operator is told once when it begins, once when it ends; readiness fails only when we refuse."""
    clock, shelf = Clock(), Shelf(jwks(ec()))
    keys = RemoteKeys(shelf, TIMING, clock)
    with caplog.at_level(logging.INFO, "textmill"):
        keys.refresh()
        shelf.error = ConnectionRefusedError("secret words of the other side")
        for _ in range(5):
            clock.now += 700
            keys.refresh()
            assert ("first", None) == (outcome(keys, "first"), keys.trouble())
        clock.now += 411
        assert "AuthUnavailableError" == outcome(keys, "first")
        assert "The token issuer's keys cannot be read." == keys.trouble()
        shelf.error = None
        keys.refresh()
    assert ("first", None) == (outcome(keys, "first"), keys.trouble())
    broken = "The token issuer's keys cannot be read:"
    assert [
        "The token issuer's keys were read: 1.",
        f"{broken} ConnectionRefusedError. Known ones are used for 3600 s at most.",
        "The token issuer's keys can be read again.",
    ] == [record.message for record in caplog.records]


def test_a_set_without_a_usable_key_leaves_the_known_ones() -> None:
    """As if it could not be read."""
    shelf = Shelf(jwks(ec()))
    keys = RemoteKeys(shelf, TIMING, Clock())
    keys.refresh()
    for content in (b"", b"<html>", b'{"keys":[]}', b"[" * 100_000):
        shelf.content = content
        keys.refresh()
        assert "first" == outcome(keys, "first")
        assert keys._failing


def test_a_withdrawn_key_ends_what_is_remembered_of_its_tokens() -> None:
    """A token is not good for another minute because it was just checked."""
    shelf = Shelf(jwks(ec(), ec("second")))
    keys = RemoteKeys(shelf, TIMING, Clock())
    keys.refresh()
    verifier = TokenVerifier(keys, RULES)
    token = signed(ec(), "ES256", claims(iat=None, exp=time.time() + 100))
    assert verifier.principal(token) is verifier.principal(token)
    keys.refresh()
    assert verifier.principal(token) is verifier.principal(token)
    shelf.content = jwks(ec("second"))
    keys.refresh()
    with pytest.raises(AuthUnavailableError):
        verifier.principal(token)
    keys.refresh()
    with pytest.raises(CredentialsInvalidError):
        verifier.principal(token)


def test_a_thread_keeps_them_current(server: IssuerServer) -> None:
    """A real server: read at start, a rotated key found when its first token comes."""
    keys = RemoteKeys(from_url(server.url("/jwks")), TIMING)
    keys.start()
    keys.start()
    assert eventually(lambda: keys.trouble() is None)
    server.answers["/jwks"] = jwks(ec("second"))
    assert "AuthUnavailableError" == outcome(keys, "second")
    assert eventually(lambda: outcome(keys, "second") == "second")
    assert ["/jwks", "/jwks"] == server.asked
    keys.close()
    assert eventually(lambda: keys._thread is not None and not keys._thread.is_alive())


def test_an_issuer_that_stops_and_comes_back(server: IssuerServer) -> None:
    """Known keys stay in use; an unknown name is refused once the issuer did not answer."""
    keys = RemoteKeys(from_url(server.url("/jwks")), TIMING)
    keys.start()
    assert eventually(lambda: keys.trouble() is None)
    server.stop()
    assert "AuthUnavailableError" == outcome(keys, "second")
    assert eventually(lambda: outcome(keys, "second") == "TokenError")
    assert "first" == outcome(keys, "first")
    keys.close()


def test_a_slow_issuer_holds_up_nobody(server: IssuerServer) -> None:
    """While its answer is awaited, requests are answered at once, and the end does not wait either."""
    gate = threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        gate.wait(20)
        handler.send_response(503)
        handler.end_headers()

    keys = RemoteKeys(from_url(server.url("/jwks")), TIMING)
    keys.start()
    assert eventually(lambda: keys.trouble() is None)
    server.answers["/jwks"] = slow
    begin = time.monotonic()
    assert ["AuthUnavailableError"] * 100 == [outcome(keys, f"invented-{number}") for number in range(100)]
    assert eventually(lambda: len(server.asked) == 2)
    assert ["first"] * 100 == [outcome(keys, "first") for _ in range(100)]
    keys.close()
    assert time.monotonic() - begin < 5
    gate.set()


def test_an_answer_that_trickles_is_given_up(server: IssuerServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it gives a sign of life."""
    monkeypatch.setattr(fetching, "SECONDS", 0.3)
    over = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not over.wait(0.05):
            try:
                handler.wfile.write(b" ")
            except OSError:
                return

    server.answers["/jwks"] = trickle
    with pytest.raises(FetchError, match="took longer than"):
        fetch(server.url("/jwks"))
    over.set()


def test_a_large_answer_is_not_read_to_its_end(server: IssuerServer) -> None:
    """One megabyte is enough for keys."""
    server.answers["/jwks"] = b" " * 1_000_001
    with pytest.raises(FetchError, match="larger than 1000000 bytes"):
        fetch(server.url("/jwks"))


@pytest.mark.parametrize("to", ["http://192.0.2.1/jwks", "file:///etc/passwd", "ftp://192.0.2.1/jwks"])
def test_a_redirect_leads_only_where_we_would_fetch_from(server: IssuerServer, to: str) -> None:
    """Not to plain http, and not to files."""
    server.answers["/jwks"] = redirect(to)
    with pytest.raises(
        FetchError, match=r"is a redirect to where nothing is fetched from|has the status 302"
    ):
        fetch(server.url("/jwks"))


def test_no_redirect_leads_from_outside_to_this_machine() -> None:
    """What listens here only, an outside server must not reach through us."""
    with pytest.raises(FetchError):
        _SafeRedirects().redirect_request(
            Request("https://issuer.example/jwks"), BytesIO(), 302, "", HTTPMessage(), "http://127.0.0.1/jwks"
        )


def certificate(folder: Path) -> Path:
    """A certificate for this machine that nobody vouches for, with its key."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509
        .CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )
    file = folder / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


def test_an_issuer_must_prove_who_it_is(
    server: IssuerServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over TLS: a certificate that nobody vouches for is not believed, the same one vouched for is."""
    file = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    url = f"https://localhost:{server.server.server_port}/jwks"
    with pytest.raises(URLError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(url)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    assert jwks(ec()) == fetch(url)


def test_a_redirect_on_this_machine_is_followed(server: IssuerServer) -> None:
    """Plain http may go from this machine to itself."""
    server.answers["/old"] = redirect(server.url("/jwks"))
    assert jwks(ec()) == fetch(server.url("/old"))


def test_an_error_of_the_server_is_no_document(server: IssuerServer) -> None:
    """404 and the like."""
    keys = RemoteKeys(from_url(server.url("/none")), TIMING)
    keys.refresh()
    assert keys.trouble() is not None


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://issuer.example/jwks", True),
        ("http://127.0.0.1:8000/jwks", True),
        ("http://[::1]/jwks", True),
        ("http://localhost/jwks", True),
        ("http://issuer.example/jwks", False),
        ("http://127.0.0.1.issuer.example/jwks", False),
        ("http://localhost.issuer.example/jwks", False),
        ("http://2130706433/jwks", False),
        ("https://user@issuer.example/jwks", False),
        ("https://:word@issuer.example/jwks", False),
        ("https:///jwks", False),
        ("https://[::1/jwks", False),
        ("file:///etc/passwd", False),
        ("ftp://issuer.example/jwks", False),
        ("", False),
    ],
)
def test_only_https_is_fetched_and_http_on_this_machine(url: str, *, good: bool) -> None:
    """As the host is written, without asking a name server."""
    if good:
        check_url(url)
        return
    with pytest.raises(ValueError, match=r".") as caught:
        check_url(url)
    assert "word@" not in str(caught.value)
    assert not url or not url.startswith("http:") or not is_loopback(url)


def test_a_replaced_file_is_seen(tmp_path: Path) -> None:
    """By its content, however it was replaced."""
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks(rsa()))
    verifier = token_verifier(TokenSettings(jwks=str(path), audience=AUDIENCE))
    assert verifier is not None
    verifier.start()
    times = claims(iat=None, exp=time.time() + 100)
    assert "alice" == verifier.principal(signed(rsa(), "RS256", times)).name
    (tmp_path / "new").write_bytes(jwks(ec("second")))
    (tmp_path / "new").replace(path)

    def accepted() -> bool:
        try:
            return verifier.principal(signed(ec("second"), "ES256", times)).name == "alice"
        except (AuthUnavailableError, CredentialsInvalidError):
            return False

    assert eventually(accepted)
    verifier.close()


def test_a_file_that_is_no_key_set_stops_the_start(tmp_path: Path) -> None:
    """Too large, or something else."""
    path = tmp_path / "jwks.json"
    for content in (b"", b"-----BEGIN PUBLIC KEY-----", jwks(ec()) + b" " * 1_000_000):
        path.write_bytes(content)
        with pytest.raises(ConfigurationError, match="cannot be used; the log says why"):
            token_verifier(TokenSettings(jwks=str(path), audience=AUDIENCE))


def test_a_file_that_vanishes_leaves_the_known_keys(tmp_path: Path) -> None:
    """For as long as those of a server."""
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks(ec()))
    keys = RemoteKeys(from_file(str(path)), TIMING)
    keys.refresh()
    path.unlink()
    keys.refresh()
    assert "first" == outcome(keys, "first")


def discovery(server: IssuerServer, issuer: str, keys: str = "/jwks") -> bytes:
    """A discovery document."""
    return json.dumps({"issuer": issuer, "jwks_uri": server.url(keys)}).encode()


def test_an_issuer_is_found_by_its_discovery_document(server: IssuerServer) -> None:
    """It names its keys and itself; tokens must be its own."""
    issuer, path = server.url("/realm"), "/realm/.well-known/openid-configuration"
    server.answers[path] = discovery(server, issuer)
    verifier = token_verifier(TokenSettings(discovery=server.url(path), audience=AUDIENCE))
    assert verifier is not None
    verifier.start()
    assert eventually(lambda: verifier.trouble() is None)
    times = {"iat": None, "exp": time.time() + 100}
    assert "alice" == verifier.principal(signed(ec(), "ES256", claims(iss=issuer, **times))).name
    with pytest.raises(CredentialsInvalidError):
        verifier.principal(signed(ec(), "ES256", claims(iss=ISSUER, **times)))
    verifier.close()


def test_no_discovery_document_leads_from_outside_to_this_machine(
    server: IssuerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What listens here only, an outside issuer must not reach through us."""
    document, asked = discovery(server, ISSUER), list[str]()

    def fetched(url: str) -> bytes:
        asked.append(url)
        return document

    monkeypatch.setattr(jwks_module, "fetch", fetched)
    with pytest.raises(FetchError, match="leads to this machine"):
        discovered("https://issuer.example/.well-known/openid-configuration", ISSUER)()
    assert ["https://issuer.example/.well-known/openid-configuration"] == asked


@pytest.mark.parametrize("expected", [None, "https://other.example"])
def test_a_discovery_document_of_another_issuer_is_not_believed(
    server: IssuerServer, expected: str | None
) -> None:
    """Neither what its URL nor what the settings say."""
    path = "/.well-known/openid-configuration"
    server.answers[path] = discovery(server, ISSUER)
    with pytest.raises(FetchError, match="of another issuer"):
        discovered(server.url(path), expected)()
    assert Document(jwks(ec()), ISSUER) == discovered(server.url(path), ISSUER)()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"issuer":"a"}',
        b'{"issuer":5,"jwks_uri":"https://a.example/j"}',
        b'{"issuer":"a","jwks_uri":"http://a.example/j"}',
        b'{"issuer":"a","jwks_uri":["https://a.example/j"]}',
        b'{"issuer":"a","jwks_uri":null}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_discovery_document_is_told(content: bytes) -> None:
    """In one sentence, which repeats nothing of it."""
    with pytest.raises(FetchError, match="names no 'issuer' and https 'jwks_uri'"):
        read_discovery(content)


@pytest.mark.parametrize(
    ("url", "issuer", "expected"),
    [
        ("https://a.example/.well-known/openid-configuration", "https://a.example", True),
        ("https://a.example/.well-known/openid-configuration", "https://a.example/", True),
        ("https://a.example/realm/.well-known/openid-configuration", "https://a.example/realm", True),
        ("https://a.example/.well-known/oauth-authorization-server/realm", "https://a.example/realm", True),
        ("https://a.example/realm/.well-known/openid-configuration", "https://a.example", False),
        ("https://a.example/.well-known/openid-configuration", "https://b.example", False),
        ("https://a.example/.well-known/openid-configuration", "http://a.example", False),
    ],
)
def test_a_discovery_document_has_its_place(url: str, issuer: str, *, expected: bool) -> None:
    """OpenID Connect appends to the issuer's path, RFC 8414 puts itself before it."""
    assert expected == is_place_of(url, issuer)
