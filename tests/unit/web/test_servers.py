"""What is checked before a server starts."""

from __future__ import annotations

import pytest

from textmill.errors import ConfigurationError
from textmill.settings import Settings
from textmill.web.servers import check_exposure


def listening(host: str, **security: object) -> Settings:
    """Settings that listen there."""
    return Settings.load(server={"host": host}, security=security)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_without_credentials_this_machine_is_served(host: str) -> None:
    """The default is safe, and needs no key to be tried."""
    check_exposure(listening(host))


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.0.1", "textmill.example.com", "localhost.evil.com"]
)
def test_without_credentials_others_are_not_served_by_accident(host: str) -> None:
    """Unless credentials are asked for, or the operator means it."""
    with pytest.raises(ConfigurationError, match=r"--auth required .*--allow-public"):
        check_exposure(listening(host))
    check_exposure(listening(host, auth="required"))
    check_exposure(listening(host, allow_public=True))
