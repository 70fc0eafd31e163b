"""textmill serves NLP models as a production REST API, on FastAPI or Flask.

from textmill import Settings, create_service
from textmill.web.fastapi import router        # or textmill.web.flask.blueprint

app.include_router(router(create_service(Settings.load())))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textmill.errors import TextmillError
    from textmill.service.lifecycle import create_service
    from textmill.service.service import Service
    from textmill.settings import Settings

__version__ = "0.1.0"

_HOMES = {
    "Service": "textmill.service.service",
    "Settings": "textmill.settings",
    "TextmillError": "textmill.errors",
    "create_service": "textmill.service.lifecycle",
}
"""Where the public names live; they are imported when they are asked for."""

__all__ = ["Service", "Settings", "TextmillError", "__version__", "create_service"]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'textmill' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
