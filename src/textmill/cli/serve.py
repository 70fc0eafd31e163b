"""`textmill serve`: the API, on FastAPI or Flask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import textmill
from textmill.cli.models import named, verified_with
from textmill.runtimes.base import ModelSpec
from textmill.runtimes.registry import DEFAULT_MODELS, check
from textmill.service.checks import check_access
from textmill.service.lifecycle import specs
from textmill.settings import Settings
from textmill.web import tls
from textmill.web.servers import bind, check_exposure, run, server_of

SAMPLE = {"text": "Tim Cook loves the new Apple store in Berlin!"}


def serve(  # noqa: PLR0913 - one parameter for each flag
    *,
    framework: Annotated[
        str | None, typer.Option(help="fastapi or flask \\[default: fastapi]", metavar="NAME")
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(
            help="uvicorn (FastAPI), gunicorn (Flask) or granian (both) \\[default: auto]", metavar="NAME"
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Server processes \\[default: 1]", metavar="N")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on \\[default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one \\[default: 8000]")] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="NAME=PATH of a model to serve; repeat it. Without it: the two default models."),
    ] = None,
    trust: Annotated[
        bool, typer.Option(help="Load files that execute code (joblib, pickle) given with --model.")
    ] = False,
    tls_certificate: Annotated[
        str | None,
        typer.Option(help="PEM file with a certificate and its chain: serve HTTPS.", metavar="FILE"),
    ] = None,
    tls_key: Annotated[
        str | None, typer.Option(help="PEM file with the certificate's private key.", metavar="FILE")
    ] = None,
    auth: Annotated[
        str | None,
        typer.Option(
            help="none, or required: ask for an API key or a token \\[default: none]", metavar="MODE"
        ),
    ] = None,
    allow_public: Annotated[
        bool, typer.Option("--allow-public", help="Allow auth none on an address that others reach.")
    ] = False,
    verify_with: Annotated[
        Path | None,
        typer.Option(help="Your own texts, one a line, on which compiled forms must answer as the library."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings file \\[default: textmill.toml, where there is one]")
    ] = None,
) -> None:
    """Serve models as a REST API.

    Without options: the two default models (sentiment and entities) on FastAPI, at http://127.0.0.1:8000.
    Settings come from flags, then TEXTMILL_* variables, then textmill.toml, then defaults.

    Examples:
      textmill serve --framework flask --workers 2
      textmill serve --model spam=spam.skops --model people=./my_spacy_pipeline
      textmill serve --model sentiment=sentiment_model.pkl --trust
      textmill serve --model spam=spam.skops --verify-with my_texts.txt
    """
    asked: dict[str, Any] = {
        "framework": framework,
        "server": server,
        "workers": workers,
        "host": host,
        "port": port,
    }
    asked |= {"tls_certificate": tls_certificate, "tls_key": tls_key}
    security = {"auth": auth, "allow_public": allow_public or None}
    flags: dict[str, Any] = {"server": _given(asked), "security": _given(security)}
    if model:
        flags["models"] = {name: {**path, "trust": trust} for name, path in named(model).items()}
    settings = Settings.load(config, **flags)
    check_exposure(settings)
    tls.context(settings.server)
    if verify_with:
        settings = verified_with(settings, verify_with)
    check_access(settings)
    name = server_of(settings.server)
    served = specs(settings)
    for spec in served.values():
        check(spec)
    bound = bind(settings.server)
    _announce(settings, name, served, bound.getsockname()[1])
    run(settings, bound)


def _given(flags: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flags.items() if value is not None}


def _announce(settings: Settings, server: str, served: dict[str, ModelSpec], port: int) -> None:
    """Where it listens, what it serves, and a call to copy."""
    out = Console(stderr=True, highlight=False, soft_wrap=True)
    host = settings.server.host
    scheme = "https" if tls.is_secure(settings.server) else "http"
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    workers = f"{settings.server.workers} worker{'s' if settings.server.workers > 1 else ''}"
    out.print(
        f"[bold]textmill {textmill.__version__}[/] on {settings.server.framework}, {server}, {workers}: "
        f"[bold cyan]{url}[/] (API page: {url}/docs)"
    )
    for name, spec in served.items():
        packaged = name in DEFAULT_MODELS and spec.path == DEFAULT_MODELS[name].path
        out.print(f"  {name}: {'packaged' if packaged else spec.path}", markup=False)
    out.print("Once the models are ready:")
    path = "/predict" if "sentiment" in served else f"/v1/models/{next(iter(served))}/predict"
    key = ' -H "X-API-Key: $KEY"' if settings.security.auth == "required" else ""
    out.print(
        f"  curl -s {url}{path}{key} -H 'Content-Type: application/json' -d '{json.dumps(SAMPLE)}'",
        markup=False,
    )
