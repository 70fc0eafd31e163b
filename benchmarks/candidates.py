"""Who is compared, and on which work: two tables and the values in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of call.

    Attributes:
        path: where the text is posted.
        length: which of the two files of texts it takes.
        patience: how many times the usual seconds it is measured; slow work needs them for a percentile.
    """

    name: str
    path: str
    length: Literal["short", "long"]
    title: str
    patience: int = 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """One server to measure.

    Attributes:
        command: the arguments after the interpreter; `{port}` and `{workers}` are filled in, and
            `@models` stands for the arguments that name the models.
        rival: the candidate that its figures are divided by, or None.
        works: the names of the works it takes part in.
        answers: whether it computes answers; the limit does not, and is not checked.
        package: what a rival needs in an environment of its own, or an empty text.
    """

    name: str
    command: tuple[str, ...]
    rival: str | None
    works: tuple[str, ...]
    answers: bool = True
    package: str = ""

    def arguments(self, *, port: int, workers: int, models: tuple[str, ...] = ()) -> list[str]:
        """Return what follows the interpreter."""
        filled = [part.format(port=port, workers=workers) for part in self.command if part != "@models"]
        return [*filled, *(models if "@models" in self.command else ())]


WORKS = (
    Work("sentiment", "/predict", "short", "Sentiment of short texts, POST /predict"),
    Work("entities", "/ner", "short", "Entities of short texts, POST /ner"),
    Work("sentiment-long", "/predict", "long", "Sentiment of long texts, POST /predict"),
    Work("entities-long", "/ner", "long", "Entities of long texts, POST /ner", patience=2),
)

_ALL = tuple(work.name for work in WORKS)
_UVICORN = ("--host", "127.0.0.1", "--port", "{port}", "--workers", "{workers}", "--no-access-log")
_GUNICORN = ("--bind", "127.0.0.1:{port}", "--workers", "{workers}", "--no-control-socket")
# No line for each request; 10 s instead of 3, which callers of long texts would meet. At its end mosec waits
# as long for callers who left.
_MOSEC = ("--address", "127.0.0.1", "--port", "{port}", "--log-level", "error", "--timeout", "10000")
_TEXTMILL = ("--host", "127.0.0.1", "--port", "{port}", "--workers", "{workers}", "@models")

CANDIDATES = (
    Candidate(
        name="guide-fastapi",
        command=("-m", "uvicorn", "--app-dir", str(HERE / "guide"), "fastapi_app:app", *_UVICORN),
        rival="guide-fastapi",
        works=_ALL,
    ),
    Candidate(
        name="textmill-fastapi",
        command=("-m", "textmill", "serve", "--framework", "fastapi", *_TEXTMILL),
        rival="guide-fastapi",
        works=_ALL,
    ),
    Candidate(
        name="guide-flask",
        command=("-m", "gunicorn", "--chdir", str(HERE / "guide"), "flask_app:app", *_GUNICORN),
        rival="guide-flask",
        works=_ALL,
    ),
    Candidate(
        name="textmill-flask",
        command=("-m", "textmill", "serve", "--framework", "flask", *_TEXTMILL),
        rival="guide-flask",
        works=_ALL,
    ),
    Candidate(
        name="mosec",
        command=(str(HERE / "rivals" / "mosec_app.py"), *_MOSEC, "--processes", "{workers}"),
        rival="guide-fastapi",
        works=_ALL,
        package="mosec",
    ),
    Candidate(
        name="bare-uvicorn",
        command=("-m", "uvicorn", "--app-dir", str(HERE / "bare"), "asgi_app:app", *_UVICORN),
        rival="guide-fastapi",
        works=("sentiment",),
        answers=False,
    ),
    Candidate(
        name="bare-granian",
        command=(
            *(
                "-m",
                "granian",
                "--interface",
                "asgi",
                "--working-dir",
                str(HERE / "bare"),
                "--host",
                "127.0.0.1",
            ),
            *("--port", "{port}", "--workers", "{workers}", "--no-ws", "--no-access-log", "asgi_app:app"),
        ),
        rival="guide-fastapi",
        works=("sentiment",),
        answers=False,
    ),
)
