"""Apps that a server can import by name.

`uvicorn --factory textmill.web.standalone:fastapi_app`, `gunicorn 'textmill.web.standalone:flask_app()'`.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from textmill.engine.placement import Placed
from textmill.engine.threads import thread_environment
from textmill.service import lifecycle
from textmill.service.service import Service
from textmill.settings import Settings
from textmill.web.draining import drain_on_sigterm, leave_ctrl_c_to_the_first_process

if TYPE_CHECKING:
    from fastapi import FastAPI
    from flask import Flask

logger = logging.getLogger("textmill")

RESOLVED = "TEXTMILL_RESOLVED"
"""Carries the settings from `textmill serve` to its server processes, as JSON."""


shared: dict[str, Placed] = {}
"""The models that were loaded before this process was forked; a forked worker finds them here."""


def share(settings: Settings) -> None:
    """Load models for the workers that will be forked from this process."""
    _prepare()
    shared.update(lifecycle.share(settings))


def fastapi_app() -> FastAPI:
    """The whole contract on FastAPI."""
    from textmill.web import fastapi

    return fastapi.app(_service())


def flask_app() -> Flask:
    """The whole contract on Flask, with its models loading."""
    from textmill.web import flask

    service = _service()
    drain_on_sigterm(service)
    return flask.app(service)


def granian_flask_app() -> Flask:
    """As `flask_app`, in a worker process of granian."""
    leave_ctrl_c_to_the_first_process()
    return flask_app()


def _service() -> Service:
    settings = _settings()
    _prepare()
    _warn_of_others(settings)
    return lifecycle.create_service(settings, shared)


def _prepare() -> None:
    """What must be done before a library with native threads is imported."""
    os.environ.update(thread_environment(os.environ))
    _log_to_stderr()


def _settings() -> Settings:
    resolved = os.environ.get(RESOLVED)
    return Settings.model_validate_json(resolved) if resolved else Settings.load()


def _warn_of_others(settings: Settings) -> None:
    """Where another program started this app, nobody has looked who reaches it."""
    security = settings.security
    if RESOLVED not in os.environ and security.auth == "none" and not security.allow_public:
        logger.warning(
            "Nobody is asked for credentials (security.auth is 'none'), and the program that started this "
            "app decides who reaches it. Set TEXTMILL_SECURITY__AUTH=required, or, if everybody may call, "
            "TEXTMILL_SECURITY__ALLOW_PUBLIC=true."
        )


def _log_to_stderr() -> None:
    """Show our own log lines, unless the process has decided about logging already."""
    if not logging.getLogger().handlers:
        logging.basicConfig(
            stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
