"""gunicorn's worker with our short way in it; what it does on real connections is in tests/live."""

from __future__ import annotations

import logging
import os
import signal

import pytest
from gunicorn.config import Config

from textmill.web.prompt import PromptWorker


def test_a_worker_leaves_although_its_pool_is_being_given_work() -> None:
    """The signal may find the polling thread there, with the pool's lock held."""
    worker = PromptWorker(0, os.getpid(), [], None, 30, Config(), logging.getLogger("gunicorn.error"))
    worker.tpool = worker.get_thread_pool()
    try:
        with worker.tpool._shutdown_lock, pytest.raises(SystemExit):
            worker.handle_quit(signal.SIGQUIT, None)
        assert not worker.alive
    finally:
        worker.tpool.shutdown()
        worker.tmp.close()
