"""Count offsets in the unit that the caller's language uses."""

from __future__ import annotations

from collections.abc import Iterable

from textmill.contracts.base import OffsetUnit


def converted(text: str, places: Iterable[int], unit: OffsetUnit) -> dict[int, int]:
    """Code point offsets into `text` as offsets in another unit.

    Args:
        places: offsets in code points, each at most `len(text)`.

    Returns:
        The offset in `unit` for each place.
    """
    ordered = sorted(set(places))
    if unit == "codepoint" or text.isascii():
        return {place: place for place in ordered}
    found, before, total = {}, 0, 0
    for place in ordered:
        total += _width(text[before:place], unit)
        found[place], before = total, place
    return found


def _width(part: str, unit: OffsetUnit) -> int:
    if unit == "utf8":
        return len(part.encode())
    return len(part.encode("utf-16-le")) // 2
