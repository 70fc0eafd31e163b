"""`textmill keys`: who may ask the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from textmill.cli.times import moment, span
from textmill.security.keys import Issued, Key, issue
from textmill.security.opening import open_store
from textmill.security.principals import ANY_MODEL, Quota
from textmill.settings import Settings

if TYPE_CHECKING:
    from textmill.security.store import KeyStore

keys = typer.Typer(
    no_args_is_help=True,
    help="""Make, list, revoke and rotate API keys.

    Servers that run with --auth required see every change within a second.

    Examples:
      textmill keys create shop --scope predict:sentiment --expires 90d
      textmill keys list
      textmill keys rotate shop --overlap 24h
    """,
)

Config = Annotated[
    Path | None, typer.Option(help="Settings file \\[default: textmill.toml, where there is one]")
]
Store = Annotated[
    str | None,
    typer.Option(help="URL of the key store \\[default: keys.store, or sqlite:///textmill-keys.sqlite]"),
]
Which = Annotated[
    str, typer.Argument(metavar="ID", help="The key's id (tm_ID_…), or its name where one valid key has it.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the key, and nothing else.")]
EXACT = "%Y-%m-%d %H:%M"


@keys.command()
def create(  # noqa: PLR0913 - one parameter for each flag
    name: Annotated[str, typer.Argument(help="Whose key it is; it stands in logs.")],
    *,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="predict:MODEL, predict:*, models:read, metrics:read or admin; repeat it "
            "\\[default: predict:*]"
        ),
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="When it ends: 90d, or a date in UTC as 2027-01-31 \\[default: never]")
    ] = None,
    requests: Annotated[str | None, typer.Option(help="Requests it may make, as '600/minute'.")] = None,
    texts: Annotated[str | None, typer.Option(help="Texts it may send, as '10000/hour'.")] = None,
    characters: Annotated[str | None, typer.Option(help="Characters it may send, as '5000000/day'.")] = None,
    concurrent: Annotated[
        int | None, typer.Option(help="Requests it may have open at once, in one worker.")
    ] = None,
    config: Config = None,
    store: Store = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a key, and show it this once.

    Only the key goes to standard output. The store and its tables are made where they do not exist.

    Examples:
      textmill keys create ci
      textmill keys create shop --scope predict:sentiment --scope models:read --expires 90d
      KEY=$(textmill keys create batch --requests 600/minute --quiet)
    """
    now = datetime.now(UTC)
    ends = moment(expires, "--expires", now) if expires else None
    quota = Quota(requests, texts, characters, concurrent)
    with _opened(config, store) as found:
        issued = issue(name, scope or [ANY_MODEL], pepper=found.pepper, now=now, expires=ends, quota=quota)
        found.prepare()
        found.add(issued.key)
    _show(issued, now, as_json=as_json, quiet=quiet)


@keys.command("list")
def list_keys(*, config: Config = None, store: Store = None, as_json: Json = False) -> None:
    """List the keys: whose they are, what they may, until when. Never the keys themselves.

    Example:
      textmill keys list --store postgresql://textmill@db/textmill
    """
    now = datetime.now(UTC)
    with _opened(config, store) as found:
        found.check()
        kept = found.kept()
    if as_json:
        typer.echo(json.dumps([_fields(key, now) for key in kept], indent=2, ensure_ascii=False))
        return
    Console(highlight=False).print(_table(kept, now))


@keys.command()
def revoke(which: Which, *, config: Config = None, store: Store = None, as_json: Json = False) -> None:
    """End a key at once. Running servers refuse it within keys.refresh_seconds (1 s by default).

    Example:
      textmill keys revoke 3f9c0a1b2d4e
    """
    now = datetime.now(UTC)
    with _opened(config, store) as found:
        found.check()
        key = found.revoke(which, now)
    if as_json:
        typer.echo(json.dumps(_fields(key, now)))
        return
    typer.echo(f"The key {key.id} ({key.name}) is revoked.")


@keys.command()
def rotate(
    which: Which,
    *,
    overlap: Annotated[str, typer.Option(help="For how long the old key stays valid, as 24h.")] = "24h",
    config: Config = None,
    store: Store = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make a new key with the name, scopes and limits of an old one, which ends after the overlap.

    A key that expires is followed by one that lives as long as it did.

    Examples:
      textmill keys rotate ci
      textmill keys rotate 3f9c0a1b2d4e --overlap 0s
    """
    now = datetime.now(UTC)
    length = span(overlap, "--overlap")
    with _opened(config, store) as found:
        found.check()
        issued = found.rotate(which, now, length)
    _show(issued, now, as_json=as_json, quiet=quiet)


@contextmanager
def _opened(config: Path | None, url: str | None) -> Iterator[KeyStore]:
    flags: dict[str, Any] = {"keys": {"store": url}} if url else {}
    with closing(open_store(Settings.load(config, **flags).keys)) as found:
        yield found


def _show(issued: Issued, now: datetime, *, as_json: bool, quiet: bool) -> None:
    """The key alone on standard output, what there is to know of it beside."""
    key = issued.key
    if not quiet:
        notes = Console(stderr=True, highlight=False, soft_wrap=True)
        ends = f"expires {key.expires:{EXACT}} UTC" if key.expires else "never expires"
        notes.print(f"[bold]{key.name}[/] ({key.id}) may {', '.join(sorted(key.scopes))}; {ends}.")
        notes.print("This is the only time that the key is shown. Send it as: X-API-Key: KEY")
    typer.echo(json.dumps({"key": issued.text, **_fields(key, now)}) if as_json else issued.text)


def _fields(key: Key, now: datetime) -> dict[str, Any]:
    """What a program may know of a key."""
    times = {"created": key.created, "expires": key.expires, "revoked": key.revoked}
    return {
        "id": key.id,
        "prefix": key.prefix,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "state": key.state(now),
        **{name: time.isoformat(timespec="seconds") if time else None for name, time in times.items()},
        "limits": {name: limit for name, limit in asdict(key.quota).items() if limit is not None},
    }


def _table(kept: tuple[Key, ...], now: datetime) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("key", no_wrap=True)
    for name in ("name", "scopes", "limits", "created", "expires", "state"):
        table.add_column(name, overflow="fold")
    colours = {"active": "green", "expired": "yellow", "revoked": "red"}
    for key in kept:
        state = key.state(now)
        limits = ", ".join(
            f"{name} {limit}" for name, limit in asdict(key.quota).items() if limit is not None
        )
        table.add_row(
            key.prefix,
            key.name,
            " ".join(sorted(key.scopes)),
            limits,
            f"{key.created:{EXACT}}",
            f"{key.expires:{EXACT}}" if key.expires else "never",
            f"[{colours[state]}]{state}[/]",
        )
    return table
