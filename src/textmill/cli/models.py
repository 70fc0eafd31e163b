"""What the commands share about naming models."""

from __future__ import annotations

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
