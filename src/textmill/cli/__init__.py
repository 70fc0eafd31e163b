"""The command line: one command a file; parse, call, print."""

from __future__ import annotations


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed, 2 wrong usage or settings."""
    from textmill.cli.app import run

    run()
