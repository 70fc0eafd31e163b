"""Requests that are wrong in every way we know, with the answer each deserves."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Bad:
    """A request and the status and code of its problem."""

    name: str
    status: int
    code: str
    body: bytes = b""
    method: str = "POST"
    path: str = "/v1/models/sentiment/predict"
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))


def _text(value: object) -> bytes:
    return json.dumps({"text": value}).encode()


BAD = [
    Bad("empty body", 400, "json-malformed"),
    Bad("cut short", 400, "json-malformed", b'{"text"'),
    Bad("not json", 400, "json-malformed", b"text=hello"),
    Bad("trailing bytes", 400, "json-malformed", b'{"text":"a"} {}'),
    Bad("byte order mark", 400, "json-malformed", b'\xef\xbb\xbf{"text":"a"}'),
    Bad("invalid utf-8", 400, "json-malformed", b'{"text":"\xff\xfe"}'),
    Bad("utf-16", 400, "json-malformed", '{"text":"a"}'.encode("utf-16")),
    Bad("lone high surrogate", 400, "json-malformed", b'{"text":"a\\ud83d"}'),
    Bad("lone low surrogate", 400, "json-malformed", b'{"text":"\\ude00 b"}'),
    Bad("lone surrogate in another field", 400, "json-malformed", b'{"text":1,"x":"\\ud83d"}'),
    Bad("nan", 400, "json-malformed", b'{"text":"a","threshold":NaN}'),
    Bad("infinity", 400, "json-malformed", b'{"text":"a","threshold":-Infinity}'),
    Bad("duplicate keys", 400, "json-malformed", b'{"text":"a","text":"b"}'),
    Bad("deep nesting", 400, "json-malformed", b"[" * 100_000),
    Bad("deep nesting in a field", 400, "json-malformed", b'{"text":' + b'{"a":' * 5000 + b"1"),
    Bad("huge number", 400, "json-malformed", b'{"text":"a","top_k":' + b"9" * 5000 + b"}"),
    Bad("null", 422, "body-invalid", b"null"),
    Bad("list", 422, "body-invalid", b'["text"]'),
    Bad("string", 422, "body-invalid", b'"text"'),
    Bad("number", 422, "body-invalid", b"1"),
    Bad("no field", 422, "body-invalid", b"{}"),
    Bad("null text", 422, "body-invalid", _text(None)),
    Bad("number text", 422, "body-invalid", _text(1)),
    Bad("true text", 422, "body-invalid", _text(True)),
    Bad("list text", 422, "body-invalid", _text(["a"])),
    Bad("object text", 422, "body-invalid", _text({"a": "b"})),
    Bad("empty text", 422, "text-empty", _text("")),
    Bad("unknown field", 422, "body-invalid", b'{"text":"a","texst":["b"]}'),
    Bad("text and texts", 422, "body-invalid", b'{"text":"a","texts":["b"]}'),
    Bad("no texts", 422, "body-invalid", b'{"texts":[]}'),
    Bad("null in texts", 422, "body-invalid", b'{"texts":["a",null]}'),
    Bad("texts is a string", 422, "body-invalid", b'{"texts":"abc"}'),
    Bad("too many texts", 422, "texts-too-many", json.dumps({"texts": ["a"] * 257}).encode()),
    Bad("too many characters", 422, "text-too-long", _text("a" * 200_001)),
    Bad("top_k of zero", 422, "body-invalid", b'{"text":"a","top_k":0}'),
    Bad("top_k as text", 422, "body-invalid", b'{"text":"a","top_k":"2"}'),
    Bad("threshold over one", 422, "body-invalid", b'{"text":"a","threshold":1.5}'),
    Bad("another task's option", 422, "body-invalid", b'{"text":"a","labels":["ORG"]}'),
    Bad("ten megabytes of one character", 413, "body-too-large", _text("a" * 10_000_000)),
    Bad("no content type", 415, "media-type-unsupported", _text("a"), headers={}),
    Bad("form", 415, "media-type-unsupported", b"text=a", headers={"content-type": "multipart/form-data"}),
    Bad(
        "latin-1",
        415,
        "media-type-unsupported",
        _text("a"),
        headers={"content-type": "application/json; charset=latin-1"},
    ),
    Bad(
        "compressed", 415, "media-type-unsupported", _text("a"), headers={**JSON, "content-encoding": "gzip"}
    ),
    Bad("timeout of zero", 400, "header-invalid", _text("a"), headers={**JSON, "x-request-timeout": "0"}),
    Bad("timeout of words", 400, "header-invalid", _text("a"), headers={**JSON, "x-request-timeout": "soon"}),
    Bad("timeout of nan", 400, "header-invalid", _text("a"), headers={**JSON, "x-request-timeout": "nan"}),
    Bad("get", 405, "method-not-allowed", method="GET"),
    Bad("delete", 405, "method-not-allowed", method="DELETE"),
    Bad("options", 405, "method-not-allowed", method="OPTIONS"),
    Bad("invented method", 405, "method-not-allowed", method="BREW"),
    Bad("post to a reading path", 405, "method-not-allowed", _text("a"), path="/v1/models"),
    Bad("unknown model", 404, "model-unknown", _text("a"), path="/v1/models/sentimnt/predict"),
    Bad("unknown path", 404, "route-not-found", _text("a"), path="/v2/predict"),
    Bad("slash behind", 404, "route-not-found", _text("a"), path="/predict/"),
    Bad("double slash", 404, "route-not-found", _text("a"), path="/v1//models"),
    Bad("slash in the name", 404, "route-not-found", _text("a"), path="/v1/models/a/b/predict"),
    Bad("dots", 404, "route-not-found", method="GET", path="/docs/..%2f..%2fsettings.py"),
    Bad("guide without text", 422, "body-invalid", b"{}", path="/predict"),
    Bad("guide with null", 422, "body-invalid", _text(None), path="/ner"),
    Bad("guide with an empty text", 422, "text-empty", _text(""), path="/ner"),
    Bad("guide with get", 405, "method-not-allowed", method="GET", path="/ner"),
]
