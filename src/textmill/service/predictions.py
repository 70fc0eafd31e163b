"""The operations that ask a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from textmill.contracts.classification import ClassificationRequest
from textmill.contracts.entities import EntitiesRequest
from textmill.contracts.guide import GuideRequest
from textmill.engine.calls import Outcome
from textmill.engine.engine import Engine
from textmill.errors import (
    InvalidHeaderError,
    ModelNotReadyError,
    RequestError,
    TextEmptyError,
    TextmillError,
    TextTooLongError,
    TooManyTextsError,
    UnknownModelError,
)
from textmill.runtimes.base import ModelInfo, Result, Task
from textmill.service import bodies, tasks
from textmill.service.messages import Headers, Pending, Reply, Request, json_reply
from textmill.service.problems import item_problem
from textmill.settings import Settings

RenderText: TypeAlias = Callable[[str, Result], dict[str, Any]]
Finish: TypeAlias = Callable[[Sequence[Outcome]], Reply]

TIMEOUT_HEADER = "x-request-timeout"
PRIVATE: Headers = (("cache-control", "no-store"),)


@dataclass(slots=True)
class Answering:
    """How a call is answered: what stands around the results, one text's part, whether with reasons."""

    head: dict[str, Any]
    render: RenderText
    explain: bool = False


class Predictions:
    """Asks models, on behalf of the guide's two calls and of the typed one."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._limits = settings.limits
        self._seconds = settings.engine.deadline_seconds
        self._found: dict[Task, str] = {}

    def guide_predict(self, request: Request, _: str) -> Pending | Reply:
        """`POST /predict`: the label of one text."""
        name = self.model_for("classification")
        labels = self._info(name).labels

        def render(_: str, result: Result) -> dict[str, Any]:
            return {"sentiment": tasks.best_label(labels, result)}  # type: ignore[arg-type]  # by its task

        return self._one(request, name, self._guide_text(request), Answering({}, render))

    def guide_ner(self, request: Request, _: str) -> Pending | Reply:
        """`POST /ner`: the entities of one text."""
        name = self.model_for("entities")

        def render(text: str, result: Result) -> dict[str, Any]:
            return {"entities": tasks.entity_list(text, result)}  # type: ignore[arg-type]  # by its task

        return self._one(request, name, self._guide_text(request), Answering({}, render))

    def predict(self, request: Request, name: str) -> Pending | Reply:
        """`POST /v1/models/{model}/predict`: one text or several."""
        info = self._info(name)
        head: dict[str, Any] = {"model": name, "task": info.task}
        if info.task == "classification":
            asked = bodies.read(request, ClassificationRequest, self._limits.body_bytes)

            tasks.check_explain(asked, info)
            if asked.explain:
                head["offset_unit"] = asked.offset_unit

            def render(text: str, result: Result) -> dict[str, Any]:
                return tasks.classification(info.labels, text, result, asked)

            return self._asked(request, name, asked, head, render)
        wanted = bodies.read(request, EntitiesRequest, self._limits.body_bytes)
        tasks.check_labels(wanted, info.labels)
        head["offset_unit"] = wanted.offset_unit
        return self._asked(
            request, name, wanted, head, lambda text, result: tasks.entities(text, result, wanted)
        )

    # One text, or several.

    def _asked(
        self,
        request: Request,
        name: str,
        asked: ClassificationRequest | EntitiesRequest,
        head: dict[str, Any],
        render: RenderText,
    ) -> Pending | Reply:
        explain = isinstance(asked, ClassificationRequest) and asked.explain
        if asked.is_list:
            return self._many(request, name, asked.texts, Answering(head, render, explain))

        def whole(text: str, result: Result) -> dict[str, Any]:
            return head | {"result": render(text, result)}

        return self._one(request, name, asked.text, Answering(head, whole, explain))

    def _one(self, request: Request, name: str, text: str, answering: Answering) -> Pending | Reply:
        if error := self._fault(text):
            raise error

        def finish(outcomes: Sequence[Outcome]) -> Reply:
            outcome = outcomes[0]
            if isinstance(outcome, BaseException):
                raise outcome
            return json_reply(answering.render(text, outcome), headers=PRIVATE)

        return self._compute(request, name, (text,), finish, explain=answering.explain)

    def _many(
        self, request: Request, name: str, texts: Sequence[str], answering: Answering
    ) -> Pending | Reply:
        if len(texts) > self._limits.texts:
            raise TooManyTextsError(
                f"{len(texts)} texts are more than the {self._limits.texts} that one call may bring; "
                "split them into several calls."
            )
        faults = [self._fault(text) for text in texts]
        good = [text for text, fault in zip(texts, faults, strict=True) if fault is None]

        def finish(outcomes: Sequence[Outcome]) -> Reply:
            rest = iter(outcomes)
            merged = [next(rest) if fault is None else fault for fault in faults]
            pairs = zip(texts, merged, strict=True)
            items = [_item(text, outcome, answering.render) for text, outcome in pairs]
            return json_reply(answering.head | {"results": items}, headers=PRIVATE)

        if not good:
            return finish([])
        return self._compute(request, name, good, finish, explain=answering.explain)

    def _compute(
        self, request: Request, name: str, texts: Sequence[str], finish: Finish, *, explain: bool
    ) -> Pending | Reply:
        """Now, where the model is cheap; else in its turn."""
        if request.grant is not None:
            request.grant.charge(texts)
        deadline = self._deadline(request)
        outcomes = self._engine.compute_now(name, texts, explain=explain)
        if outcomes is not None:
            return finish(outcomes)
        return Pending(self._engine.submit(name, texts, deadline, explain=explain), deadline, finish)

    # What a call needs before it may go on.

    def _guide_text(self, request: Request) -> str:
        return bodies.read(request, GuideRequest, self._limits.body_bytes).text

    def _fault(self, text: str) -> RequestError | None:
        if not text:
            return TextEmptyError("The text is empty; send at least one character.")
        limit = self._limits.text_characters
        if len(text) > limit:
            return TextTooLongError(f"The text has {len(text)} characters; {limit} are allowed. Split it.")
        return None

    def model_for(self, task: Task) -> str:
        """The model behind a call of the guide: the first one, by name, that has the task."""
        if known := self._found.get(task):
            return known
        loading = False
        for name, lane in self._engine.lanes.items():
            if lane.info is None:
                loading = True
            elif lane.info.task == task:
                if not loading:  # what still loads may come before it
                    self._found[task] = name
                return name
        if loading:
            raise ModelNotReadyError("The models are still loading.", retry_after=2)
        raise UnknownModelError(f"No served model has the task {task!r}. {self._served()}")

    def _info(self, name: str) -> ModelInfo:
        lane = self._engine.lanes.get(name)
        if lane is None:
            raise UnknownModelError(f"No model is served under this name. {self._served()}")
        if lane.info is None:
            raise lane.not_ready()
        return lane.info

    def _served(self) -> str:
        return f"Served models: {', '.join(self._engine.lanes)}."

    def _deadline(self, request: Request) -> float:
        """When the answer is due; the caller's header can only shorten the server's own limit."""
        asked = request.headers.get(TIMEOUT_HEADER)
        return self._engine.clock() + (self._seconds if asked is None else self._shorter(asked))

    def _shorter(self, asked: str) -> float:
        try:
            seconds = float(asked)
        except ValueError:
            seconds = 0.0
        if not seconds > 0:
            raise InvalidHeaderError("X-Request-Timeout must be a positive number of seconds, such as 2.5.")
        return min(self._seconds, seconds)


def _item(text: str, outcome: Outcome | RequestError, render: RenderText) -> dict[str, Any]:
    if isinstance(outcome, TextmillError):
        return {"error": item_problem(outcome)}
    return {"result": render(text, outcome)}
