"""Why a key store failed, for the operator. What a library said is not repeated: it may hold secrets."""

from __future__ import annotations

from types import MappingProxyType

MAKE_ONE = "make a key first: textmill keys create NAME"

SQLITE = MappingProxyType({
    "BUSY": "another process holds its lock; end that process, or try again",
    "LOCKED": "another process holds its lock; end that process, or try again",
    "READONLY": "it is read-only; let this user write the file and its folder",
    "CANTOPEN": f"there is no such file, or this user may not open it; check the path, or {MAKE_ONE}",
    "CORRUPT": "the file is damaged; put a backup in its place",
    "NOTADB": "the file is no SQLite database; check the path, or put a backup in its place",
    "FULL": "the disk is full; make room",
    "CONSTRAINT": "somebody else wrote the same; try again",
    "IOERR": "the disk failed; check it, and the file system",
    "PERM": "this user may not open it; check the permissions",
    "AUTH": "this user may not open it; check the permissions",
})
"""By the first word of SQLite's error name."""

POSTGRES = MappingProxyType({
    "28P01": "the user or the password is wrong; check keys.store and keys.password",
    "28000": "this user may not connect; check keys.store and the server's pg_hba.conf",
    "3D000": "the server has no such database; create it, or check keys.store",
    "42501": "this user lacks a permission; servers need SELECT, textmill keys also INSERT, UPDATE, CREATE",
    "42P01": f"it has no tables yet; {MAKE_ONE}",
    "53300": "the server has too many connections; allow more",
    "55P03": "another process holds its lock; end that process, or try again",
    "57014": "the server took too long; look at its load",
    "57P03": "the server is starting or stopping; try again",
    "25006": "the server is read-only (a standby?); name the one that can be written",
    "53100": "the server's disk is full; make room",
    "22": "a value does not fit",
    "23": "somebody else wrote the same; try again",
})
"""By SQLSTATE, or its class."""

SAID = MappingProxyType({
    "no such table": f"it has no tables yet; {MAKE_ONE}",
    "password authentication failed": POSTGRES["28P01"],
    "no password supplied": "the server asks for a password; set keys.password",
    "no pg_hba.conf entry": POSTGRES["28000"],
    "the database system is": POSTGRES["57P03"],
    "too many clients": POSTGRES["53300"],
    "too many connections": POSTGRES["53300"],
    "timeout": "it cannot be reached in time; check the host, the port and the network",
    "does not exist": POSTGRES["3D000"],
    "connection": "it cannot be reached; check the host and the port, and that the server runs",
    "could not translate": "its host name is not known; check keys.store",
    "resolve host": "its host name is not known; check keys.store",
    "malformed": SQLITE["CORRUPT"],
})
"""By words of the library where it gives no code; the first that fits."""


def explain(error: BaseException) -> str:
    """What is wrong, and what to do."""
    original = getattr(error, "orig", None) or error
    if isinstance(original, OSError):
        return _system(original)
    by_code = _sqlite(original) or _postgres(original)
    if by_code is not None:
        return by_code
    text = str(original).lower()
    for words, reason in SAID.items():
        if words in text:
            return reason
    if isinstance(original, (ValueError, TypeError)):
        return "what it holds cannot be read; put a backup in its place"
    return f"it failed with {type(original).__name__}"


def _system(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "its folder does not exist; make it, or check the path"
    return f"its file cannot be opened ({error.strerror}); check the permissions, and those of its folder"


def _sqlite(error: BaseException) -> str | None:
    words: list[str] = getattr(error, "sqlite_errorname", "").removeprefix("SQLITE_").split("_")
    return SQLITE.get(words[0])


def _postgres(error: BaseException) -> str | None:
    state: str | None = getattr(error, "sqlstate", None)
    if state is None:
        return None
    return POSTGRES.get(state) or POSTGRES.get(state[:2])
