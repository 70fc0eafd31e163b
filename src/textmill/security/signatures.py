"""Signed tokens and the keys they are checked with. The home of joserfc.

Which algorithm may go with which key is decided here and by the key, never by the token alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from textmill.errors import MissingExtraError

if TYPE_CHECKING:
    from joserfc.jwk import Key
    from joserfc.jws import CompactSignature, JWSRegistry

FAMILIES: Final[Mapping[str, tuple[str, str | None]]] = {
    **{f"HS{bits}": ("oct", None) for bits in (256, 384, 512)},
    **{f"{family}{bits}": ("RSA", None) for family in ("RS", "PS") for bits in (256, 384, 512)},
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "Ed25519": ("OKP", "Ed25519"),
}
"""The key type and curve of each algorithm; what is not here does not exist (`none`)."""
PUBLIC = ("kty", "kid", "use", "alg", "n", "e", "crv", "x", "y")
"""The members of a key that checking takes; private ones are not even looked at."""
MOST_KEYS = 100
MODULUS_CHARACTERS = 341
"""Base64url characters of an RSA modulus of 2048 bits, the least that counts as safe."""
HEADER_BYTES = 4096


class TokenError(Exception):
    """A token is not to be trusted. The message says why for the log, without anything of the token."""


@dataclass(frozen=True, slots=True)
class CheckingKey:
    """A key that signatures are checked with.

    Attributes:
        kid: its name, where it has one.
        kind: key type and curve; the curve is None where the type has none.
        only: the one algorithm that it may be used with, where its owner says so.
    """

    kid: str | None
    kind: tuple[str, str | None]
    only: str | None
    raw: Key = field(repr=False, compare=False)

    def fits(self, algorithm: str) -> bool:
        """Whether a token signed with this algorithm may be checked with it."""
        return FAMILIES.get(algorithm) == self.kind and self.only in (None, algorithm)


@dataclass(frozen=True, slots=True)
class Opened:
    """A token that can be read; nothing of it is trusted yet."""

    algorithm: str
    kid: str | None
    type: str | None
    raw: CompactSignature = field(repr=False)


def check_installed(needed_for: str) -> None:
    """Make sure of the libraries, before the first of them is needed.

    Raises:
        MissingExtraError: they are not installed.
    """
    try:
        import joserfc  # noqa: F401 - cachetools comes with the same extra
    except ModuleNotFoundError as error:
        raise MissingExtraError(needed_for, "security") from error


def secret_key(secret: bytes) -> CheckingKey:
    """A secret that is shared with the issuer.

    Raises:
        ValueError: it is no secret but a public key.
    """
    from joserfc.jwk import OctKey

    return CheckingKey(None, ("oct", None), None, OctKey.import_key(secret))


def public_keys(document: bytes) -> tuple[CheckingKey, ...]:
    """The usable keys of a JSON Web Key Set; the others are passed over, as RFC 7517 asks.

    Raises:
        ValueError: it is no such set, or has no usable key. The message holds nothing of it.
    """
    try:
        found = json.loads(document)
    except (ValueError, RecursionError):
        raise ValueError("it is not valid JSON") from None
    rows = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(rows, list) or len(rows) > MOST_KEYS:
        raise ValueError(f"it is no JSON Web Key Set of at most {MOST_KEYS} keys")
    keys = tuple(key for row in rows if isinstance(row, dict) and (key := public_key(row)) is not None)
    if not keys:
        raise ValueError("it has no public key that signatures can be checked with")
    return keys


def public_key(row: Mapping[str, Any]) -> CheckingKey | None:
    """One key of a set, or None where signatures cannot be checked with it."""
    from joserfc import jwk

    if not _is_for_checking(row):
        return None
    members = {name: row[name] for name in PUBLIC if name in row}
    try:
        raw = jwk.import_key(members)
    except Exception:  # noqa: BLE001 - a key that cannot be read must not take the others with it
        return None
    return CheckingKey(raw.kid, (row["kty"], row.get("crv")), raw.alg, raw)


def _is_for_checking(row: Mapping[str, Any]) -> bool:
    """Whether it is a public key, strong enough, and for signatures."""
    kind = (row.get("kty"), row.get("crv"))
    operations = row.get("key_ops", ["verify"])
    if kind[0] == "oct" or kind not in FAMILIES.values() or row.get("use", "sig") != "sig":
        return False
    if kind[0] == "RSA" and len(str(row.get("n", ""))) < MODULUS_CHARACTERS:
        return False
    return isinstance(operations, list) and "verify" in operations


def choose(keys: Iterable[CheckingKey], algorithm: str, kid: str | None) -> CheckingKey:
    """The one key for a token. Without a `kid` it must be clear which.

    Raises:
        TokenError: there is none, or several.
    """
    fitting = [key for key in keys if key.fits(algorithm) and kid in (None, key.kid)]
    if len(fitting) != 1:
        raise TokenError(f"{len(fitting)} keys fit its algorithm and its kid, and not one")
    return fitting[0]


def open_token(token: str) -> Opened:
    """Read a token without trusting it. Keys that it brings or points at are not looked at.

    Raises:
        TokenError: it cannot be read, or takes an extension to be understood.
    """
    from joserfc import jws
    from joserfc.errors import JoseError

    try:
        raw = jws.extract_compact(token.encode("ascii"), registry=_registry())
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise TokenError(f"it cannot be read ({type(error).__name__})") from None
    header: Any = raw.headers()
    if not isinstance(header, dict) or header.keys() & {"crit", "b64"}:
        raise TokenError("its header is no object, or asks for an extension")
    algorithm, kid, kind = (header.get(name) for name in ("alg", "kid", "typ"))
    if not isinstance(algorithm, str) or not isinstance(kid, str | None):
        raise TokenError("its header has an 'alg' or 'kid' that is no string")
    return Opened(algorithm, kid, kind.lower() if isinstance(kind, str) else None, raw)


def read_claims(opened: Opened, key: CheckingKey) -> dict[str, Any]:
    """The claims of a token that was signed with this key.

    Raises:
        TokenError: it was not, or says anything twice.
    """
    from joserfc import jws
    from joserfc.errors import JoseError

    if not key.fits(opened.algorithm):
        raise TokenError("its algorithm is not the key's")
    try:
        if not jws.validate_compact(opened.raw, key.raw, registry=_registry()):
            raise TokenError("its signature is wrong")
        claims = json.loads(opened.raw.payload, object_pairs_hook=_each_once, parse_constant=_no_constant)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise TokenError(f"it cannot be read ({type(error).__name__})") from None
    if not isinstance(claims, dict):
        raise TokenError("its claims are no object")
    return claims


@dataclass(frozen=True, slots=True)
class Expected:
    """What the claims of a token must be.

    Attributes:
        audience: must be among the token's; None takes only tokens that name none.
        issuer: None takes any.
    """

    issuer: str | None
    audience: str | None
    leeway_seconds: float


def check_claims(claims: dict[str, Any], expected: Expected, now: float) -> None:
    """Issuer, audience and times.

    Raises:
        TokenError: one of them is wrong.
    """
    from joserfc.errors import ClaimError
    from joserfc.jwt import ClaimsOption, JWTClaimsRegistry

    if expected.audience is None and "aud" in claims:
        raise TokenError("it is for an audience, and none is set here")
    options: dict[str, ClaimsOption] = {"exp": {"essential": True}}
    for name, value in (("iss", expected.issuer), ("aud", expected.audience)):
        if value is not None:
            options[name] = {"essential": True, "value": value}
    registry = JWTClaimsRegistry(now=int(now), leeway=math.ceil(expected.leeway_seconds), **options)
    try:
        registry.validate({
            name: claims[name] for name in ("iss", "aud", "exp", "nbf", "iat") if name in claims
        })
    except ClaimError as error:
        raise TokenError(f"its claim {error.claim!r} is missing or wrong ({type(error).__name__})") from None


class SigningKey:
    """An ES256 key that tokens are signed with.

    Args:
        raw: the private key; see `generate` and `read`.
    """

    def __init__(self, raw: Key) -> None:
        self._raw = raw
        self.kid = raw.thumbprint()
        public = raw.as_dict(private=False) | {"kid": self.kid, "use": "sig", "alg": "ES256"}
        self.public = {name: public[name] for name in PUBLIC if name in public}

    @classmethod
    def generate(cls) -> SigningKey:
        """A new one."""
        from joserfc.jwk import ECKey

        return cls(ECKey.generate_key("P-256"))

    @classmethod
    def read(cls, document: bytes) -> SigningKey:
        """One that `dump` wrote.

        Raises:
            ValueError: it is none. The message holds nothing of it.
        """
        from joserfc.errors import JoseError
        from joserfc.jwk import ECKey

        try:
            raw = ECKey.import_key(json.loads(document))
        except (JoseError, ValueError, TypeError, LookupError, RecursionError):
            raise ValueError("it is no JSON Web Key of the type EC") from None
        if not raw.is_private or raw.curve_name != "P-256":
            raise ValueError("it is no private key of the curve P-256")
        return cls(raw)

    def dump(self) -> bytes:
        """The private key as a JSON Web Key."""
        return json.dumps(self._raw.as_dict(private=True) | {"kid": self.kid}).encode() + b"\n"

    def sign(self, claims: dict[str, Any], kind: str) -> str:
        """A token; all of one kind begin with the same header.

        Args:
            kind: its `typ`.
        """
        from joserfc import jwt

        header = {"typ": kind, "alg": "ES256", "kid": self.kid}
        return jwt.encode(header, claims, self._raw, registry=_registry())


@cache
def _registry() -> JWSRegistry:
    """What joserfc may do; headers that it does not know are ignored, as RFC 7515 asks."""
    from joserfc.jws import JWSRegistry

    registry = JWSRegistry(algorithms=list(FAMILIES), strict_check_header=False)
    registry.max_header_length = HEADER_BYTES
    return registry


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("the same name twice")
    return found


def _no_constant(_name: str) -> Any:
    raise ValueError("NaN or Infinity")
