"""From the bytes of a form to its parameters."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from textmill.errors import BodyTimeoutError, BodyTooLargeError
from textmill.service.messages import Request

FORM_TYPE = re.compile(r"application/x-www-form-urlencoded\s*(?:;\s*charset=\"?utf-?8\"?\s*)?", re.IGNORECASE)
MOST_BYTES = 16_384
MOST_PARAMETERS = 32


class FormError(Exception):
    """The body is no form that can be read; the message does not repeat it."""


def read(request: Request) -> dict[str, str]:
    """The parameters of a form; one without a value counts as not sent (RFC 6749, 3.2).

    Raises:
        FormError: it cannot be read, or has a parameter twice.
        BodyTimeoutError, BodyTooLargeError: it did not arrive, or is too large.
    """
    body = request.body
    if body is None:
        raise BodyTimeoutError("The body did not arrive in time; send it in one go.")
    if len(body) > MOST_BYTES:
        raise BodyTooLargeError(f"The form is larger than {MOST_BYTES} bytes.")
    headers = request.headers
    if not FORM_TYPE.fullmatch(headers.get("content-type", "")) or "content-encoding" in headers:
        raise FormError("Send a form, uncompressed: 'Content-Type: application/x-www-form-urlencoded'.")
    return _parameters(body)


def _parameters(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
        )
    except ValueError:
        raise FormError("The form is not valid UTF-8, or has too many parameters.") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise FormError("The form has a parameter twice.")
    return {name: value for name, value in found.items() if value}
