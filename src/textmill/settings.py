"""The settings: small frozen groups, read once, at the edge.

Precedence, lowest first: defaults, `textmill.toml`, environment (`TEXTMILL_SERVER__PORT=8080`), flags.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from textmill.errors import ConfigurationError

DEFAULT_FILE = "textmill.toml"
FILE_VARIABLE = "TEXTMILL_CONFIG"

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
    body_seconds: Seconds = 10.0
    """How long a body may take to arrive; longer is answered with 408."""
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
    executor: Literal["auto", "inline", "thread", "process"] = "auto"
    """Where it computes; `auto` measures at start."""


class Settings(BaseSettings):
    """All settings. Use `Settings.load()`; the constructor alone reads the environment too."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="TEXTMILL_",
        env_nested_delimiter="__",
        use_attribute_docstrings=True,
    )
    _file: ClassVar[Path | None] = None

    server: ServerSettings = ServerSettings()
    limits: LimitSettings = LimitSettings()
    engine: EngineSettings = EngineSettings()
    models: dict[str, ModelSettings] = {}
    """The served models by name; empty serves the two default models."""

    @field_validator("models")
    @classmethod
    def _names_are_safe(cls, models: dict[str, ModelSettings]) -> dict[str, ModelSettings]:
        for name in models:
            if not MODEL_NAME.fullmatch(name):
                raise ValueError(
                    f"the model name {name!r} cannot be used: take lower-case letters, digits, '.', '_' "
                    "and '-', at most 64 of them, beginning and ending with a letter or digit"
                )
        return models

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class fixes the signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class fixes the signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags before environment before file."""
        sources: list[PydanticBaseSettingsSource] = [init_settings, env_settings]
        if cls._file is not None:
            sources.append(TomlConfigSettingsSource(settings_cls, toml_file=cls._file))
        return tuple(sources)

    @classmethod
    def load(cls, file: Path | None = None, **flags: Any) -> Settings:
        """Read the settings from everywhere.

        Args:
            file: the TOML file; by default `$TEXTMILL_CONFIG`, or `./textmill.toml` where it exists.
            flags: groups as nested dicts, such as `server={"port": 8080}`; they win over everything.

        Raises:
            ConfigurationError: naming the setting, what is wrong with it, and where settings come from.
        """
        found = _find_file(file)
        bound = type(cls.__name__, (cls,), {"_file": found, "__module__": cls.__module__})
        try:
            loaded = bound(**flags)
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationError(f"{found} is not valid TOML: {error}") from None
        except ValidationError as error:
            raise ConfigurationError(_explain(error, found)) from None
        values = {name: getattr(loaded, name) for name in cls.model_fields}
        return cls.model_construct(**values)  # already validated above


def _find_file(file: Path | None) -> Path | None:
    """The file to read: the one asked for must exist, the one in the folder may."""
    asked = file or (Path(os.environ[FILE_VARIABLE]) if os.environ.get(FILE_VARIABLE) else None)
    if asked is None:
        return Path(DEFAULT_FILE) if Path(DEFAULT_FILE).is_file() else None
    if not asked.is_file():
        raise ConfigurationError(f"The configuration file {str(asked)!r} does not exist. Check --config.")
    return asked


def _explain(error: ValidationError, file: Path | None) -> str:
    """Every wrong setting on a line of its own, without its value (it may be a secret)."""
    lines = [
        f"  {'.'.join(str(part) for part in row['loc'])}: {row['msg']}"
        for row in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    origin = f"{file}, TEXTMILL_* variables or flags" if file else "TEXTMILL_* variables or flags"
    return "These settings cannot be used (from " + origin + "):\n" + "\n".join(lines)
