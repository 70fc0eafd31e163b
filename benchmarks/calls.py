"""One call to a server, as a client makes it; used before the clock starts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any

NONE: Mapping[str, str] = {}


def post(
    port: int, path: str, text: str, *, seconds: float = 60.0, headers: Mapping[str, str] = NONE
) -> tuple[int, Any]:
    """Post one text and return the status and the decoded body.

    Raises:
        OSError, HTTPException: there was no whole answer.
        ValueError: the answer is not JSON.
    """
    connection = HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        body = json.dumps({"text": text})
        connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def answers(port: int, path: str, headers: Mapping[str, str] = NONE) -> bool:
    """Return whether the server answers this path with success."""
    try:
        return post(port, path, "Is anybody there, in London or in Paris?", headers=headers)[0] == 200
    except (OSError, HTTPException, ValueError):
        return False
