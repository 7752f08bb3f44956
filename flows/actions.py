"""A bot's own code: `@action` functions and `@flow` generators of its `actions.py`, and how an action is run."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Literal, TypeVar, overload

from adapters.message import Address, Content, Json, Reply, Text
from config.source import BadProject, Problem, did_you_mean, read_yaml
from flows.conditions import parse
from flows.reminders import seconds
from flows.state import ActionFailed, Attached, Heard, Result
from flows.steps import Ask, Flow, Trigger, Values, Walk
from nlu.meaning import Meaning

TIMEOUT_S = 10.0
RECOGNIZE_S = 2.5
_MARK = "__yingda__"


@dataclass(slots=True)
class Invocation:
    """What an action is given: its `args` (of a YAML flow: what the flow has collected), all `slots`, the customer's
    `address`, the `meaning` of what was just said, `at` (the turn's epoch seconds, the only clock that a talk's test
    can set) and `key`, the same on every retry of this call and of no other: pass it on to whatever must not happen
    twice. `sender` and `sender_name` are who wrote, where the members of a group share one conversation, too."""

    name: str
    args: Values
    slots: Values
    address: Address
    meaning: Meaning
    at: float
    key: str
    sender: str = ""
    sender_name: str = ""
    replies: list[Reply] = field(default_factory=list)
    content: Content = field(default_factory=lambda: Text(""))
    """What was just sent; `await call.file()` gives the file in it."""
    fetch: Callable[[], Awaitable[Attached]] | None = field(default=None, repr=False)

    async def file(self) -> Attached:
        """The picture, voice, video or file that was just sent: `data`, `content_type`, `name`, and `ref`, by which a
        reply can show it again (`Image(url="blob:<ref>")`). Raises `ActionFailed` where there is none to be had."""
        if self.fetch is None:
            raise ActionFailed("there is no file: no service runs this talk")
        try:
            return await self.fetch()
        except Exception as error:
            raise ActionFailed(f"the file cannot be had ({type(error).__name__})") from error

    progress: Callable[[str], None] = field(default=lambda line: None, repr=False)
    """`call.progress("正在查询…")`: a line that shows while the action works, on channels that can. Not logged: the
    answer takes its place."""

    reminders: list[Mapping[str, Json]] = field(default_factory=list)

    def remind(self, after: str | float, *, say: str = "", flow: str = "", keep: bool = False) -> None:
        """Say a response, or start a flow, `after` that time (`"30m"`, or seconds), once the action is done; dropped
        when the flow goes on or ends, unless it is to be kept. Raises `ValueError` for what is no length of time."""
        self.reminders.append({"after": seconds(after), "response": say, "flow": flow, "keep": keep})

    def say(self, *replies: Reply | str) -> None:
        """Say something besides the flow's own responses, in this order, once the action is done."""
        self.replies.extend(Text(reply) if isinstance(reply, str) else reply for reply in replies)


Run = Callable[[Invocation], Awaitable[Result | Mapping[str, Json] | None]]
RunT = TypeVar("RunT", bound=Callable[..., Awaitable[Any]])
WalkT = TypeVar("WalkT", bound=Callable[..., Iterator[Any]])


@dataclass(frozen=True, slots=True)
class Action:
    """`idempotent`: may run again with the same key when it is unknown whether it ran. `irreversible`: once done it
    never runs again in its flow, and what it was done with can no longer be corrected."""

    name: str
    run: Run
    timeout: float = TIMEOUT_S
    idempotent: bool = False
    irreversible: bool = False


@overload
def action(run: RunT, /) -> RunT: ...
@overload
def action(
    *, name: str = ..., timeout: float = ..., idempotent: bool = ..., irreversible: bool = ...
) -> Callable[[RunT], RunT]: ...
def action(
    run: Any = None,
    /,
    *,
    name: str = "",
    timeout: float = TIMEOUT_S,
    idempotent: bool = False,
    irreversible: bool = False,
) -> Any:
    """Mark an `async def f(call: Invocation)` as an action of the bot, called `name` or as the function is."""

    def mark(function: RunT) -> RunT:
        setattr(function, _MARK, Action(name or function.__name__, function, timeout, idempotent, irreversible))
        return function

    return mark if run is None else mark(run)


@overload
def flow(program: WalkT, /) -> WalkT: ...
@overload
def flow(
    *,
    id: str = ...,
    name: str = ...,
    description: str = ...,
    intent: str | Sequence[str] = ...,
    threshold: float = ...,
    when: str = ...,
    collects: Sequence[str | Ask] = ...,
    calls: Sequence[str] = ...,
    persisted: Sequence[str] = ...,
    run_completed: bool = ...,
    undo: str = ...,
) -> Callable[[WalkT], WalkT]: ...
def flow(
    program: Any = None,
    /,
    *,
    id: str = "",
    name: str = "",
    description: str = "",
    intent: str | Sequence[str] = (),
    threshold: float = 0.0,
    when: str = "",
    collects: Sequence[str | Ask] | None = None,
    calls: Sequence[str] = (),
    persisted: Sequence[str] = (),
    run_completed: bool = True,
    undo: str = "",
) -> Any:
    """Mark a generator function of `(slots)` or `(slots, context)` as a flow, started by `intent` (one or several)
    from the confidence `threshold` on, while the condition `when` holds. `collects` names the slots it asks for, so
    that a message fills these and no others (as an `Ask` where it is asked before filling, or explained), and `calls`
    the flows it runs inside itself; `undo` is the flow that takes back what it carries out. Raises `ConditionError`."""

    def mark(function: WalkT) -> WalkT:
        asks = [Ask(each) if isinstance(each, str) else each for each in collects or ()]
        made = Flow(
            id or function.__name__,
            _program(function),
            name=name,
            description=description or inspect.getdoc(function) or "",
            triggers=tuple(Trigger(each, threshold) for each in ((intent,) if isinstance(intent, str) else intent)),
            guard=parse(when) if when else None,
            persisted=frozenset(persisted),
            run_completed=run_completed,
            asks={ask.slot: ask for ask in asks},
            calls=frozenset(calls),
            collects_known=collects is not None,
            undo=undo,
        )
        setattr(function, _MARK, made)
        return function

    return mark if program is None else mark(program)


def _program(function: Callable[..., Any]) -> Callable[[Values, Values], Walk]:
    if len(inspect.signature(function).parameters) > 1:
        return function
    return lambda slots, _: function(slots)


@dataclass(frozen=True, slots=True)
class Recognizer:
    """What finds words in one kind of message, and how long the bot waits for them."""

    recognize: Callable[[bytes, str], Awaitable[str]]
    timeout: float
    kind: Literal["voice", "image"]


def recognizes(kind: Literal["voice", "image"], *, timeout: float = RECOGNIZE_S) -> Callable[[RunT], RunT]:
    """Mark an `async def f(data: bytes, content_type: str) -> str` as what finds the words in voice messages or
    pictures, before the bot thinks about them."""

    def mark(function: RunT) -> RunT:
        setattr(function, _MARK, Recognizer(function, timeout, kind))
        return function

    return mark


@dataclass(frozen=True, slots=True)
class Registry:
    """What `actions.py` offers. It is also the plainest `Actions`: it runs them, and remembers nothing."""

    actions: Mapping[str, Action] = field(default_factory=dict)
    flows: Mapping[str, Flow] = field(default_factory=dict)
    file: str = ""
    recognizers: Mapping[Literal["voice", "image"], Recognizer] = field(default_factory=dict)

    def find(self, name: str) -> Action | None:
        """By name, `action_` before it or not."""
        short = name.removeprefix("action_")
        return self.actions.get(name) or self.actions.get(short) or self.actions.get(f"action_{short}")

    async def perform(self, name: str, args: Values, key: str, heard: Heard, slots: Values) -> Result:
        """Raises `ActionFailed` for an unknown action, a time-out, an exception in it, or a result of no use."""
        found = self.find(name)
        if found is None:
            mend = did_you_mean(name, self.actions)
            raise ActionFailed(f"there is no action '{name}' in {self.file or 'actions.py'}; {mend}")
        call = Invocation(
            found.name, MappingProxyType(dict(args)), MappingProxyType(dict(slots)),
            heard.address, heard.meaning, heard.at, f"{heard.turn}/{key}",
            heard.sender, heard.sender_name, content=heard.content, fetch=heard.fetch,
            progress=heard.progress,
        )  # fmt: skip
        try:
            async with asyncio.timeout(found.timeout):
                given = await found.run(call)
        except TimeoutError:
            raise ActionFailed(f"the action '{name}' took longer than {found.timeout:g} s") from None
        except ActionFailed:
            raise
        except Exception as error:
            raise ActionFailed(f"the action '{name}' failed: {_where(error)}") from error
        return replace(_result(name, given, call.replies), reminders=tuple(call.reminders))


def _result(name: str, given: Any, said: Sequence[Reply]) -> Result:
    match given:
        case None:
            return Result(replies=tuple(said))
        case Result():
            return Result(given.value, given.slots, (*said, *given.replies))
        case Mapping():
            return Result(dict(given), dict(given), tuple(said))
        case _:
            raise ActionFailed(f"the action '{name}' returned {type(given).__name__}: return a Result, a dict or None")


def _where(error: BaseException) -> str:
    """`ValueError at actions.py:12`: the kind and the place, without the text, which may quote a customer."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {Path(frames[-1].filename).name}:{frames[-1].lineno}"


def load_actions(project: Path) -> Registry:
    """Load `actions.py` (or the package `actions/`) under a private name; an empty `Registry` where there is none, or
    where endpoints.yml names an action server. Raises `BadProject` naming the file and line that failed."""
    if _served_elsewhere(project):
        return Registry()
    path = project / "actions.py"
    if not path.exists():
        path = project / "actions" / "__init__.py"
    if not path.exists():
        return Registry()
    module = _load(path, project)
    return _collect(module, path)


def _served_elsewhere(project: Path) -> bool:
    endpoints = project / "endpoints.yml"
    data = read_yaml(endpoints).data if endpoints.exists() else None
    return isinstance(data, dict) and bool(data.get("action_endpoint"))


def _load(path: Path, project: Path) -> ModuleType:
    # a private name: the project may have folders called bot, config or tests
    name = "yingda_project_" + hashlib.blake2b(str(path.resolve()).encode(), digest_size=6).hexdigest()
    folders = [str(path.parent)] if path.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=folders)
    if spec is None or spec.loader is None:
        raise BadProject(Problem(str(path), 1, "cannot be loaded"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise BadProject(
            Problem(error.filename or str(path), error.lineno or 1, f"not valid Python: {error.msg}")
        ) from error
    except Exception as error:
        lines = [
            f
            for f in traceback.extract_tb(error.__traceback__)
            if str(project.resolve()) in str(Path(f.filename).resolve())
        ]
        line = lines[-1].lineno or 1 if lines else 1
        raise BadProject(Problem(str(path), line, f"fails when loaded: {type(error).__name__}: {error}")) from error
    return module


def _collect(module: ModuleType, path: Path) -> Registry:
    actions: dict[str, Action] = {}
    flows: dict[str, Flow] = {}
    recognizers: dict[Literal["voice", "image"], Recognizer] = {}
    problems: list[Problem] = []
    for function in vars(module).values():
        match getattr(function, _MARK, None):
            case Action() as found:
                if not inspect.iscoroutinefunction(function):
                    problems.append(
                        _wrong(function, path, f"the action '{found.name}' is not async", "write `async def`")
                    )
                actions[found.name] = found
            case Recognizer() as found:
                if not inspect.iscoroutinefunction(function):
                    problems.append(_wrong(function, path, "what recognizes is not async", "write `async def`"))
                recognizers[found.kind] = found
            case Flow() as found:
                if not inspect.isgeneratorfunction(function):
                    problems.append(_wrong(function, path, f"the flow '{found.id}' yields no step", "yield Ask(...)"))
                flows[found.id] = found
    if problems:
        raise BadProject(problems)
    return Registry(actions, flows, str(path), recognizers)


def _wrong(function: Any, path: Path, what: str, mend: str) -> Problem:
    return Problem(str(path), function.__code__.co_firstlineno, what, mend)
