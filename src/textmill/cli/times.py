"""Times as people write them: `90d`, or a date."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from textmill.errors import ConfigurationError

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
SPAN = re.compile(r"([0-9]{1,5}) ?([smhdw])")


def span(text: str, option: str) -> timedelta:
    """A length of time, as `24h`.

    Raises:
        ConfigurationError: it is none.
    """
    found = SPAN.fullmatch(text)
    if found is None:
        raise ConfigurationError(
            f"{option} {text!r} is no length of time; write it as 24h or 90d (s, m, h, d, w)."
        )
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def moment(text: str, option: str, now: datetime) -> datetime:
    """A point in time: so long from now, or an ISO date or time, in UTC where it names no zone.

    Raises:
        ConfigurationError: it is none.
    """
    try:
        if SPAN.fullmatch(text):
            return now + span(text, option)
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"{option} {text!r} is no time; write it as 90d, 2027-01-31 or 2027-01-31T12:00Z."
        ) from None
