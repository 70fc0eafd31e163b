"""Put a service together from its settings."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from textmill.engine.engine import Engine
from textmill.engine.events import Event, Renewed, StateChanged
from textmill.engine.lane import LaneOptions
from textmill.engine.placement import Placed
from textmill.engine.policy import Bounds
from textmill.engine.sharing import load_shared
from textmill.runtimes.base import ModelSpec
from textmill.runtimes.registry import DEFAULT_MODELS
from textmill.service.authentication import authentication
from textmill.service.checks import check_meant, doubts
from textmill.service.service import Service
from textmill.settings import EngineSettings, ModelSettings, Settings

logger = logging.getLogger("textmill")

RESERVED_THREADS = 16
"""Flask's threads that never wait for a model: they answer health checks, and say 503 under overload."""


def create_service(settings: Settings | None = None, shared: Mapping[str, Placed] | None = None) -> Service:
    """A service that is not started yet.

    Args:
        settings: by default `Settings.load()`.
        shared: models that were loaded with `share` before this process was forked.

    Raises:
        ConfigurationError: the settings cannot be used.
    """
    settings = settings or Settings.load()
    check_meant(settings)
    for doubt in doubts(settings):
        logger.warning("%s", doubt)
    engine = Engine(models(settings), listener=announce, shared=shared)
    access, issuer = authentication(settings)
    return Service(settings, engine, access=access, issuer=issuer, in_flight=waiting_threads(settings))


def share(settings: Settings) -> dict[str, Placed]:
    """Load what forked workers can share; before the fork, and before any thread is started."""
    logger.info("Loading the models once for %d workers.", settings.server.workers)
    return load_shared(models(settings))


def models(settings: Settings) -> dict[str, tuple[ModelSpec, LaneOptions]]:
    """What is served, and how."""
    return {
        name: (spec, options(settings.engine, settings.models.get(name)))
        for name, spec in specs(settings).items()
    }


def waiting_threads(settings: Settings) -> int | None:
    """How many requests may wait at once: on Flask each holds a thread, and health checks need some too."""
    if settings.server.framework != "flask":
        return None
    return max(1, settings.server.threads - RESERVED_THREADS)


def specs(settings: Settings) -> dict[str, ModelSpec]:
    """What to load; without configured models, the two default ones."""
    if not settings.models:
        return dict(DEFAULT_MODELS)
    return {name: spec(name, model) for name, model in settings.models.items()}


def spec(name: str, model: ModelSettings) -> ModelSpec:
    """One model of the settings."""
    return ModelSpec(
        name=name,
        path=model.path,
        vectorizer=model.vectorizer,
        trust=model.trust,
        allow_version_mismatch=model.allow_version_mismatch,
        sentences=model.sentences,
        runtime=model.runtime,
        verify_with=model.verify_with,
        sha256=model.sha256,
    )


def options(engine: EngineSettings, model: ModelSettings | None) -> LaneOptions:
    """How one model's lane works."""
    return LaneOptions(
        bounds=Bounds(
            engine.queue_items, engine.queue_characters, engine.batch_items, engine.batch_characters
        ),
        wait_seconds=engine.batch_wait_seconds,
        stuck_seconds=engine.stuck_seconds,
        place=model.executor if model else "auto",
        growth=engine.worker_growth,
    )


def announce(event: Event) -> None:
    """Tell the operator when a model becomes ready, or stops being it."""
    if isinstance(event, Renewed):
        logger.info("Model %r has a fresh worker; the old one had grown.", event.model)
    if not isinstance(event, StateChanged):
        return
    level = logging.INFO if event.state == "ready" else logging.WARNING
    level = logging.ERROR if event.state == "failed" else level
    logger.log(
        level,
        "Model %r is %s%s",
        event.model,
        event.state,
        f": {event.reason}" if event.reason else ".",
    )
