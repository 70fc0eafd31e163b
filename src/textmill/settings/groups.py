"""How the API is served and computed: small frozen groups."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MODEL_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
"""The names under which models may be served; safe in a path, a metric and a file name."""

Seconds = Annotated[float, Field(gt=0, le=86_400)]


class Group(BaseModel):
    """A frozen group of settings that refuses unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ServerSettings(Group):
    """Where and on what the API is served."""

    framework: Literal["fastapi", "flask"] = "fastapi"
    """The web framework."""
    server: Literal["auto", "uvicorn", "gunicorn", "granian"] = "auto"
    """The HTTP server; `auto` is uvicorn for FastAPI and gunicorn for Flask."""
    host: str = "127.0.0.1"
    """The address to listen on; only this machine by default."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    """The port to listen on; 0 picks a free one."""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """How many server processes, each with its own engine."""
    threads: Annotated[int, Field(ge=32, le=4096)] = 256
    """Flask only: how many requests one worker handles at once. They wait for the engine and cost little."""
    tls_certificate: str | None = None
    """A PEM file with the certificate and its chain; with it the API is served over HTTPS (TLS 1.2, 1.3)."""
    tls_key: str | None = None
    """The PEM file with the certificate's private key."""
    keepalive_seconds: Seconds = 75.0
    """How long an idle connection stays open."""
    drain_grace_seconds: Annotated[float, Field(ge=0, le=600)] = 1.0
    """After SIGTERM: how long new requests are still taken, with readiness false, so balancers can leave."""
    drain_seconds: Seconds = 30.0
    """After the grace: how long work in flight may take to end."""


class LimitSettings(Group):
    """What one call may bring."""

    body_bytes: Annotated[int, Field(ge=1)] = 2 * 1024 * 1024
    """Bytes of a body; more is answered with 413."""
    head_seconds: Seconds = 10.0
    """How long a request's line and headers may take to arrive; then the connection is closed."""
    body_seconds: Seconds = 10.0
    """How long a body may take to arrive; longer is answered with 408."""
    reply_seconds: Seconds = 60.0
    """How long a reply may take to be read, where it is large; then the connection is closed."""
    texts: Annotated[int, Field(ge=1)] = 256
    """Texts of a call; more is answered with 422."""
    text_characters: Annotated[int, Field(ge=1)] = 200_000
    """Characters (code points) of a text; more is answered with 422."""


class EngineSettings(Group):
    """When work runs. One bounded queue for each model."""

    queue_items: Annotated[int, Field(ge=1)] = 1024
    """Texts that may wait for one model; more are shed with 503."""
    queue_characters: Annotated[int, Field(ge=1)] = 4_000_000
    """Characters that may wait for one model."""
    batch_items: Annotated[int, Field(ge=1)] = 64
    """Texts computed together at most."""
    batch_characters: Annotated[int, Field(ge=1)] = 50_000
    """Characters computed together at most (a longer text runs alone)."""
    batch_wait_seconds: Annotated[float, Field(ge=0, le=1)] = 0.0
    """How long to wait for a fuller batch. 0 never waits: a batch is what arrived while the last one ran."""
    deadline_seconds: Seconds = 10.0
    """How long an accepted call may take; a caller can shorten it with X-Request-Timeout."""
    stuck_seconds: Seconds = 60.0
    """A batch that runs longer is taken for stuck: its process is replaced, and liveness fails meanwhile."""
    worker_growth: Annotated[float, Field(gt=0)] = 0.1
    """By how much a model's process may grow over its settled size before a fresh one takes over."""


class ModelSettings(Group):
    """One served model."""

    path: str
    """A file, a folder, or the name of an installed package."""
    vectorizer: str | None = None
    """The vectorizer's file when it is stored apart from its model."""
    trust: bool = False
    """Allow a file whose loading executes code (joblib, pickle). Look at `textmill inspect` first."""
    allow_version_mismatch: bool = False
    """Load although another version of the library wrote it."""
    sentences: Literal["none", "parser"] = "none"
    """spaCy: `parser` also runs the parser, whose sentence starts no entity may cross; slower."""
    runtime: Literal["auto", "compiled", "native"] = "auto"
    """What computes: `compiled` insists on the faster form, `native` on the library's own code; `auto` takes
    the compiled form where the model has one that is proven to answer the same."""
    verify_with: str | None = None
    """A file with texts of your own, one a line, on which a compiled form must answer the same at start."""
    sha256: Annotated[str | None, Field(pattern=r"^(sha256:)?[0-9a-f]{64}$")] = None
    """The digest that the model must have, as `textmill inspect` shows it; a changed file does not load."""
    executor: Literal["auto", "inline", "thread", "process"] = "auto"
    """Where it computes; `auto` measures at start."""
