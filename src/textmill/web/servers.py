"""Start an HTTP server on a bound socket, with settings fit for models."""

from __future__ import annotations

import ipaddress
import multiprocessing
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from textmill.errors import ConfigurationError, MissingExtraError
from textmill.settings import ServerSettings, Settings
from textmill.web import tls
from textmill.web.standalone import RESOLVED, share

DEFAULTS: Mapping[str, str] = {"fastapi": "uvicorn", "flask": "gunicorn"}
BACKLOG = 2048
HEALTHCHECK_SECONDS = 60
"""uvicorn kills a worker that is silent for so long; its default of 5 is short while models load."""


def server_of(settings: ServerSettings) -> str:
    """The server that will run.

    Raises:
        ConfigurationError: it cannot run the framework.
    """
    name = DEFAULTS[settings.framework] if settings.server == "auto" else settings.server
    if (settings.framework, name) in (("fastapi", "gunicorn"), ("flask", "uvicorn")):
        raise ConfigurationError(
            f"{name} does not serve {settings.framework} here. Take --server "
            f"{DEFAULTS[settings.framework]} or --server granian."
        )
    return name


def check_exposure(settings: Settings) -> None:
    """Make sure that nobody serves everybody by accident.

    Raises:
        ConfigurationError: other machines reach the address, and no credentials are asked for.
    """
    security, host = settings.security, settings.server.host
    if security.auth != "none" or security.allow_public or _is_loopback(host):
        return
    raise ConfigurationError(
        f"Other machines reach {host}, and auth is 'none'. Ask for credentials with --auth required "
        "(then make a key: textmill keys create), or let everybody in with --allow-public."
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bind(settings: ServerSettings) -> socket.socket:
    """Bind the address, so that a taken port is known before a model is loaded.

    Raises:
        ConfigurationError: it cannot be bound.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.host, settings.port))
    except OSError as error:
        bound.close()
        raise ConfigurationError(
            f"Cannot listen on {settings.host}:{settings.port}: {error.strerror or error}. "
            "Stop what uses the port, or choose another with --port (0 takes a free one)."
        ) from None
    bound.set_inheritable(True)
    return bound


def run(settings: Settings, bound: socket.socket) -> None:
    """Serve until a signal ends it. Blocks."""
    os.environ[RESOLVED] = settings.sealed()
    runners: dict[str, Callable[[Settings, socket.socket], None]] = {
        "uvicorn": _uvicorn,
        "gunicorn": _gunicorn,
        "granian": _granian,
    }
    name = server_of(settings.server)
    try:
        runners[name](settings, bound)
    except ModuleNotFoundError as error:
        extra = "granian" if name == "granian" else settings.server.framework
        raise MissingExtraError(f"Serving {settings.server.framework} with {name}", extra) from error


def _uvicorn(settings: Settings, bound: socket.socket) -> None:
    import uvicorn

    secure = tls.context(settings.server)
    bound.listen(BACKLOG)
    config = uvicorn.Config(
        "textmill.web.standalone:fastapi_app",
        factory=True,
        workers=settings.server.workers,
        loop="uvloop",
        http="textmill.web.protocol:PromptProtocol",
        ssl_context_factory=None if secure is None else lambda *_: secure,
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=int(settings.server.keepalive_seconds),
        timeout_graceful_shutdown=int(settings.server.drain_seconds),
        timeout_worker_healthcheck=HEALTHCHECK_SECONDS,
    )
    if settings.server.workers == 1:
        uvicorn.Server(config).run(sockets=[bound])
    else:
        _fork_workers(settings, config, bound)


def _fork_workers(settings: Settings, config: Any, bound: socket.socket) -> None:
    """Run uvicorn's supervisor with workers that are forked, not spawned: they share the models' memory."""
    from uvicorn import _subprocess
    from uvicorn.supervisors import Multiprocess

    from textmill.web import protocol  # noqa: F401 - imported before the fork, it is shared too

    share(settings)
    _subprocess.spawn = multiprocessing.get_context("fork")  # type: ignore[assignment]  # it has no setting for it
    Multiprocess(config, sockets=[bound]).run()


def _gunicorn(settings: Settings, bound: socket.socket) -> None:
    from gunicorn.app.base import BaseApplication

    from textmill.web import punctual

    server = settings.server
    secure = tls.context(server)
    options: dict[str, Any] = {
        "bind": [f"fd://{bound.fileno()}"],
        "backlog": BACKLOG,
        "workers": server.workers,
        "worker_class": punctual.worker(settings.limits),
        "threads": server.threads,
        "keepalive": int(server.keepalive_seconds),
        "graceful_timeout": int(server.drain_grace_seconds + server.drain_seconds) + 1,
        "timeout": HEALTHCHECK_SECONDS,
        "control_socket_disable": True,
        # Nobody's headers are believed; `security.trusted_proxies` decides on the one that matters.
        "forwarded_allow_ips": "",
        "forwarder_headers": "",
        "secure_scheme_headers": {},
        "loglevel": "warning",
        "proc_name": "textmill",
    }
    if secure is not None:
        options |= {
            "certfile": server.tls_certificate,
            "keyfile": server.tls_key,
            "ssl_context": lambda _config, _factory: secure,
        }
    if Path("/dev/shm").is_dir():  # noqa: S108 - gunicorn's heartbeat file, on memory instead of a slow disk
        options["worker_tmp_dir"] = "/dev/shm"  # noqa: S108 - as above

    class Application(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
        def load_config(self) -> None:
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            from textmill.web.draining import leave_ctrl_c_to_the_first_process
            from textmill.web.standalone import flask_app

            leave_ctrl_c_to_the_first_process()
            return flask_app()

    bound.listen(BACKLOG)
    if server.workers > 1:
        share(settings)
    Application().run()


def _granian(settings: Settings, bound: socket.socket) -> None:
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces, SSLProtocols
    from granian.http import HTTP1Settings

    server = settings.server
    files = [Path(file) if file else None for file in (server.tls_certificate, server.tls_key)]
    host, port = bound.getsockname()[:2]
    bound.close()  # granian binds by itself; the port was free a moment ago
    asgi = server.framework == "fastapi"
    Granian(
        target=f"textmill.web.standalone:{'fastapi_app' if asgi else 'granian_flask_app'}",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.ASGI if asgi else Interfaces.WSGI,
        workers=server.workers,
        blocking_threads=None if asgi else server.threads,
        websockets=False,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=int(settings.limits.head_seconds * 1000)),
        ssl_cert=files[0],
        ssl_key=files[1],
        ssl_protocol_min=SSLProtocols.tls12,
        backlog=BACKLOG,
        log_access=False,
        respawn_failed_workers=True,
        workers_kill_timeout=int(server.drain_seconds) + 1,
    ).serve()
