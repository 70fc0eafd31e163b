"""The file of the key that tokens are signed with: made once, read by all processes."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import stat
from pathlib import Path

from textmill.errors import ConfigurationError
from textmill.security.signatures import SigningKey

logger = logging.getLogger(__name__)

MOST_BYTES = 16_384
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def signing_key(file: str) -> SigningKey:
    """The key in the file, which is made where there is none.

    Several processes may do this at once: one makes it, all read the same.

    Raises:
        ConfigurationError: the file can be neither read nor made, or holds no such key.
    """
    path = Path(file)
    try:
        if not path.exists():
            _make(path)
        return _read(path)
    except OSError as error:
        raise _unmakeable(file, error) from None
    except ValueError as error:
        raise ConfigurationError(
            f"oauth.signing_key_file {file!r} cannot be used: {error}. "
            "Name another file; it is made where it does not exist."
        ) from None


def check_signing_key(file: str) -> None:
    """Make sure that `signing_key` will have one, without making it: whoever looks may be another user.

    Raises:
        ConfigurationError: as there.
    """
    folder = Path(file).absolute().parent
    if Path(file).exists():
        signing_key(file)
    elif not os.access(folder, os.W_OK | os.X_OK):
        why = errno.EACCES if folder.is_dir() else errno.ENOENT
        raise _unmakeable(file, OSError(why, os.strerror(why)))


def _unmakeable(file: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"oauth.signing_key_file {file!r} can be neither read nor made: {error.strerror or error}. "
        "Name a file in a folder that this user can write to."
    )


def _read(path: Path) -> SigningKey:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_mode & OTHERS:
            logger.warning("Others can read the signing key in %s; make it yours alone: chmod 600.", path)
        return SigningKey.read(file.read(MOST_BYTES))


def _make(path: Path) -> None:
    """Write a new key under a name of its own, then give it the real one, unless somebody was faster.

    So the real name never leads to a file that is not complete.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(SigningKey.generate().dump())
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
