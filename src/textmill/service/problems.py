"""From an exception to the problem that a caller sees."""

from __future__ import annotations

import logging
import traceback
from typing import Any

from pydantic_core import to_json

from textmill.contracts.problems import MEDIA_TYPE, kind_of
from textmill.errors import (
    BodyTimeoutError,
    BodyTooLargeError,
    CredentialsInvalidError,
    CredentialsMissingError,
    InvalidBodyError,
    MethodNotAllowedError,
    ScopeMissingError,
    TextmillError,
)
from textmill.service.messages import Headers, Reply

logger = logging.getLogger(__name__)

CHALLENGE = 'Bearer realm="textmill"'
UNKNOWN = "The server failed on this request. Its log has the details under the request id."


def problem_reply(error: BaseException, request_id: str) -> Reply:
    """The reply for an error; one that nobody foresaw goes to the log, and only its id to the caller."""
    if not isinstance(error, TextmillError):
        _log(error, request_id)
    kind = kind_of(type(error))
    code = error.code if isinstance(error, TextmillError) else TextmillError.code
    body: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": kind.title,
        "status": kind.status.value,
        "detail": str(error) if isinstance(error, TextmillError) else UNKNOWN,
        "code": code,
        "request_id": request_id,
        **_extensions(error),
    }
    headers = (("content-type", MEDIA_TYPE), *_headers(error))
    # The rest of an unread body would be taken for the next request.
    close = isinstance(error, (BodyTooLargeError, BodyTimeoutError))
    return Reply(kind.status.value, headers, to_json(body), close=close)


def item_problem(error: TextmillError) -> dict[str, Any]:
    """The error of one text in a list call."""
    kind = kind_of(type(error))
    return {"code": error.code, "title": kind.title, "status": kind.status.value, "detail": str(error)}


def _extensions(error: BaseException) -> dict[str, Any]:
    if isinstance(error, InvalidBodyError):
        return {
            "errors": [
                {"pointer": field.pointer, "code": field.code, "message": field.message}
                for field in error.fields
            ]
        }
    if isinstance(error, TextmillError) and error.retry_after is not None:
        return {"retry_after": error.retry_after}
    return {}


def _headers(error: BaseException) -> Headers:
    if isinstance(error, MethodNotAllowedError):
        return (("allow", ", ".join(error.allowed)),)
    if challenge := _challenge(error):
        return (("www-authenticate", challenge), ("cache-control", "no-store"))
    if isinstance(error, TextmillError) and error.retry_after is not None:
        return (("retry-after", str(error.retry_after)),)
    return ()


def _challenge(error: BaseException) -> str | None:
    """How to be let in (RFC 6750); empty where that is not the fault."""
    if isinstance(error, ScopeMissingError):
        return f'{CHALLENGE}, error="insufficient_scope", scope="{error.scope}"'
    if isinstance(error, CredentialsInvalidError):
        return f'{CHALLENGE}, error="invalid_token"'
    return CHALLENGE if isinstance(error, CredentialsMissingError) else None


def _log(error: BaseException, request_id: str) -> None:
    """Where it happened and what type it was; never the message, which may hold a text."""
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("Request %s failed with %s at:\n%s", request_id, type(error).__name__, where)
