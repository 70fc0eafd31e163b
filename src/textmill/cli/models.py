"""What the commands share about naming models."""

from __future__ import annotations

import os
from pathlib import Path

from textmill.engine.threads import thread_environment
from textmill.errors import ConfigurationError
from textmill.runtimes.base import ModelSpec
from textmill.runtimes.registry import DEFAULT_MODELS
from textmill.service.lifecycle import spec
from textmill.settings import ModelSettings, Settings


def named(pairs: list[str]) -> dict[str, dict[str, str]]:
    """`NAME=PATH` flags as settings.

    Raises:
        ConfigurationError: one has no name or no path.
    """
    models = {}
    for pair in pairs:
        name, _, path = pair.partition("=")
        if not name or not path:
            raise ConfigurationError(f"--model {pair!r} is not NAME=PATH, such as --model spam=spam.skops")
        models[name] = {"path": path}
    return models


def find(model: str, settings: Settings, *, trust: bool = False) -> ModelSpec:
    """The model meant by a name from the settings, a default model's name, or a path."""
    if model in settings.models:
        chosen = settings.models[model]
        return spec(model, chosen.model_copy(update={"trust": chosen.trust or trust}))
    if model in DEFAULT_MODELS:
        return DEFAULT_MODELS[model]
    return spec("model", ModelSettings(path=model, trust=trust))


def verified_with(settings: Settings, texts: Path) -> Settings:
    """Settings with which every served model is verified on these texts, the default ones too."""
    served = settings.models or {name: ModelSettings(path=one.path) for name, one in DEFAULT_MODELS.items()}
    own = {"verify_with": str(texts)}
    return settings.model_copy(
        update={"models": {name: model.model_copy(update=own) for name, model in served.items()}}
    )


def compute_on_one_thread() -> None:
    """As the servers do, unless the operator chose; to be called before numpy is imported."""
    os.environ.update(thread_environment(os.environ))
