"""Where settings come from.

Precedence, lowest first: defaults, `textmill.toml`, environment (`TEXTMILL_SERVER__PORT=8080`), flags.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from textmill.errors import ConfigurationError
from textmill.settings.access import (
    KeySettings,
    OAuthSettings,
    RateSettings,
    SecuritySettings,
    TokenSettings,
)
from textmill.settings.groups import (
    MODEL_NAME,
    EngineSettings,
    LimitSettings,
    ModelSettings,
    ServerSettings,
)
from textmill.settings.secrets import REVEALED

DEFAULT_FILE = "textmill.toml"
FILE_VARIABLE = "TEXTMILL_CONFIG"


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
    security: SecuritySettings = SecuritySettings()
    keys: KeySettings = KeySettings()
    tokens: TokenSettings = TokenSettings()
    oauth: OAuthSettings = OAuthSettings()
    rates: RateSettings = RateSettings()
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

    def sealed(self) -> str:
        """Everything, secrets too, as JSON for a server process of our own; never to be shown."""
        return self.model_dump_json(context=REVEALED)

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
