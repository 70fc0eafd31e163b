"""Find the credentials of a request in its headers. They are in no error and no log."""

from __future__ import annotations

import re
from collections.abc import Mapping

from textmill.errors import CredentialsAmbiguousError, CredentialsInvalidError

KEY_HEADER = "x-api-key"
LONGEST = 8192
"""Characters of a credential at most."""
TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What a credential may consist of (RFC 6750, b64token)."""
NOT_VALID = "The credentials are not valid here: unknown, expired or revoked."
"""All that a caller learns of wrong credentials."""


def find(headers: Mapping[str, str]) -> str | None:
    """The key or token that a request brings, or None where it brings neither.

    Args:
        headers: values by lower-case name; values of a header that came twice are joined by commas.

    Raises:
        CredentialsAmbiguousError: it brings two.
        CredentialsInvalidError: it brings one that cannot be read.
    """
    key, authorization = headers.get(KEY_HEADER), headers.get("authorization")
    if authorization is None:
        return None if key is None else checked(key)
    if key is not None:
        raise CredentialsAmbiguousError("Send either 'Authorization' or 'X-API-Key', and not both.")
    scheme, _, credential = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise CredentialsInvalidError("Send 'Authorization: Bearer ...' or 'X-API-Key: ...'.")
    return checked(credential.strip(" "))


def checked(credential: str) -> str:
    """The credential, if it can be one.

    Raises:
        CredentialsInvalidError: it cannot; the message does not repeat it.
    """
    if len(credential) > LONGEST or TOKEN.fullmatch(credential) is None:
        raise CredentialsInvalidError("The credentials are malformed: one key or token, and nothing else.")
    return credential
