"""The settings: small frozen groups, read once, at the edge."""

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
from textmill.settings.loading import DEFAULT_FILE, FILE_VARIABLE, Settings

__all__ = [
    "DEFAULT_FILE",
    "FILE_VARIABLE",
    "MODEL_NAME",
    "EngineSettings",
    "KeySettings",
    "LimitSettings",
    "ModelSettings",
    "OAuthSettings",
    "RateSettings",
    "SecuritySettings",
    "ServerSettings",
    "Settings",
    "TokenSettings",
]
