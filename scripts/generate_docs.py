"""Write the generated documentation: `docs/reference.md` and `docs/openapi.json`.

`--check` only tells whether they are current (exit code 1 when they are not).
"""

from __future__ import annotations

import sys
from pathlib import Path

from textmill.service import openapi, reference

DOCS = Path(__file__).resolve().parents[1] / "docs"


def main() -> int:
    """Write, or check."""
    wanted = {"reference.md": reference.page().encode(), "openapi.json": openapi.document_bytes()}
    stale = [name for name, content in wanted.items() if _read(DOCS / name) != content]
    if "--check" in sys.argv[1:]:
        print("stale: " + ", ".join(stale) + "; run make docs" if stale else "docs are current")
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).write_bytes(wanted[name])
    print(f"wrote {', '.join(stale)}" if stale else "docs were current")
    return 0


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
