"""The agent: a model, its tools and its instructions; sessions; and the synchronous edge.

An `Agent` holds no conversation and may serve many runs at once. A `Session` holds one: the
transcript, and whatever the tools keep for it (a kernel, a browser). `Agent.run` is a session of
one turn. `run_sync` and `SyncSession` run the same coroutines on an event loop in a thread of
their own (law 7).

Does not do: the loop itself (`loop.py`), storing sessions, choosing tools by name
(`tooling.load_tools`) or models by name (`models.load_model`).
"""

from __future__ import annotations

import logging
import os
import threading
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from .citations import Citation, as_markdown
from .errors import ConfigurationError
from .events import Event
from .limits import Limits
from .loop import Emit, Outcome, Turn, stream_turn
from .messages import (
    Assistant,
    Image,
    Message,
    Observation,
    System,
    ToolCall,
    Transcript,
    Usage,
    User,
)
from .models.base import Model, Settings
from .protocol.grammar import AUTO, check_choice
from .protocol.grammar.schema_check import check_tools
from .tooling.base import SessionResources, Tool, ToolContext

if TYPE_CHECKING:
    from .sync import SyncSession

OnEvent = Callable[[Event], None]

# How long a session may take to shut its kernels and pages down, in seconds.
_CLOSING = 30.0

_log = logging.getLogger("glm_agent")


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run brought.

    `messages` are those of this run alone, beginning with the user's; `transcript` is the whole
    conversation, which goes on growing if the session does. `citations` are what the marks in the
    answer name, in order.
    """

    answer: str
    transcript: Transcript
    usage: Usage
    messages: tuple[Message, ...]
    citations: tuple[Citation, ...] = ()

    @property
    def markdown(self) -> str:
        """The answer with its citations as links."""
        return as_markdown(self.answer, self.citations)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls that the model made, in order."""
        replies = (message for message in self.messages if isinstance(message, Assistant))
        return tuple(call for reply in replies for call in reply.calls)

    @property
    def observations(self) -> tuple[Observation, ...]:
        """What came back from the calls, in order."""
        return tuple(message for message in self.messages if isinstance(message, Observation))


class Agent:
    """A model that may call tools.

    Args:
        model: a `Model`, or what `load_model` understands: "embedded", a folder, a hub id, a URL.
            A name is loaded at the first run and closed with the agent; a `Model` stays yours.
        tools: functions, `Tool` objects, names of installed tools ("python"), YAML registries.
        instructions: the system message that sessions begin with.
        limits: how far one run may go.
        settings: how to generate.
        tool_choice: whether the first reply of each run may call tools (`auto`), must (`required`),
            must call the tool of this name, or may not, nor any later reply (`none`).

    Raises:
        ConfigurationError: a tool that cannot be found, defined or told from another, or that
            `tool_choice` names in vain.
        UnsupportedSchemaError: a tool whose schema the model's calls cannot be held to.
    """

    def __init__(
        self,
        model: Model | str | os.PathLike[str] = "embedded",
        tools: Iterable[Any] = (),
        instructions: str | None = None,
        limits: Limits | None = None,
        settings: Settings | None = None,
        *,
        tool_choice: str = AUTO,
    ) -> None:
        from .tooling import load_tools

        self.instructions = instructions
        self.limits = limits or Limits()
        self.settings = settings or Settings()
        self._tools = {tool.name: tool for tool in load_tools(tools)}
        self._model = model if isinstance(model, Model) else None
        self._model_name = model.name if isinstance(model, Model) else os.fspath(model)
        self._owns_model = self._model is None
        self._loading = threading.Lock()
        self.tool_choice = tool_choice
        self.check_choice(tool_choice)
        constrains = model.constrains if isinstance(model, Model) else "://" not in self._model_name
        if constrains and self.settings.constrain:
            check_tools([tool.spec for tool in self._tools.values()])

    def check_choice(self, tool_choice: str) -> None:
        """Raise `ConfigurationError` if no run can follow `tool_choice`."""
        check_choice(tool_choice, list(self._tools))

    @property
    def tools(self) -> Mapping[str, Tool]:
        """The tools by name, in the order in which the model is told of them."""
        return self._tools

    @property
    def model_name(self) -> str:
        """The model's name, as it would be written after `--model`."""
        return self._model_name

    def load(self) -> Model:
        """Load the model now instead of at the first run, and return it.

        Raises:
            ModelLoadError: it cannot be found or loaded.
        """
        with self._loading:
            if self._model is None:
                from .models import load_model

                self._model = load_model(self._model_name)
            return self._model

    async def run(
        self,
        prompt: str,
        *,
        images: Sequence[Image] = (),
        deps: Any = None,
        on_event: OnEvent | None = None,
        tool_choice: str | None = None,
    ) -> RunResult:
        """Answer one prompt in a session of its own, which is closed before this returns.

        Args:
            prompt: what the user says.
            images: pictures that go with it.
            deps: handed to tools as `context.deps`.
            on_event: called with each event as it happens.
            tool_choice: for this run, in place of the agent's.

        Raises:
            ConfigurationError: nothing was run, because something has to be mended first.
            RunError: the run failed or hit a limit; `.transcript` holds what was done.
        """
        async with self.session() as session:
            return await session.run(
                prompt, images=images, deps=deps, on_event=on_event, tool_choice=tool_choice
            )

    def run_sync(
        self,
        prompt: str,
        *,
        images: Sequence[Image] = (),
        deps: Any = None,
        on_event: OnEvent | None = None,
        tool_choice: str | None = None,
    ) -> RunResult:
        """`run` for code without an event loop. `on_event` is called from another thread."""
        with self.session_sync() as session:
            return session.run(
                prompt, images=images, deps=deps, on_event=on_event, tool_choice=tool_choice
            )

    async def stream(
        self,
        prompt: str,
        *,
        images: Sequence[Image] = (),
        deps: Any = None,
        tool_choice: str | None = None,
    ) -> AsyncGenerator[Event, None]:
        """The events of `run`, as they happen; the last two are `Answer` and `UsageReport`.

        Closing the generator stops the run. Raises what `run` raises.
        """
        async with (
            self.session() as session,
            aclosing(
                session.stream(prompt, images=images, deps=deps, tool_choice=tool_choice)
            ) as events,
        ):
            async for event in events:
                yield event

    def session(self, transcript: Transcript | None = None) -> Session:
        """A conversation of several turns, to be used as `async with agent.session() as s:`.

        A `transcript` to go on from is branched, not changed.
        """
        return Session(self, transcript)

    def session_sync(
        self, transcript: Transcript | None = None
    ) -> AbstractContextManager[SyncSession]:
        """`session` for code without an event loop: `with agent.session_sync() as s:`."""
        from .sync import open_session

        return open_session(self, transcript)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *, model: Model | str | None = None) -> Agent:
        """The agent that a YAML file describes; `model` is taken instead of the file's.

        Where neither names a model, the environment's GLM_AGENT_MODEL does, or "embedded" is used.

        Raises:
            RegistryError: the file has mistakes, each with its line and column.
        """
        from .models.load import model_name
        from .tooling import load_agent_file

        described = load_agent_file(path)
        return cls(
            model or described.model or model_name(),
            described.tools,
            described.instructions,
            described.limits,
            described.settings,
            tool_choice=described.tool_choice or AUTO,
        )

    async def aclose(self) -> None:
        """Close the model, if the agent loaded it."""
        if self._owns_model and self._model is not None:
            model, self._model = self._model, None
            await model.aclose()

    async def __aenter__(self) -> Agent:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"Agent(model={self._model_name!r}, tools={list(self._tools)!r})"


class Session:
    """One conversation. Made by `Agent.session`; one turn at a time.

    `transcript` is what was said so far. `id` names the session to tools.
    """

    def __init__(self, agent: Agent, transcript: Transcript | None = None) -> None:
        self.id = uuid.uuid4().hex
        self.transcript = Transcript() if transcript is None else transcript.branch()
        if agent.instructions and not self.transcript:
            self.transcript.append(System(agent.instructions))
        self._agent = agent
        self._resources = SessionResources()
        self._running = False
        self._closed = False

    async def run(
        self,
        prompt: str,
        *,
        images: Sequence[Image] = (),
        deps: Any = None,
        on_event: OnEvent | None = None,
        tool_choice: str | None = None,
    ) -> RunResult:
        """Say something and go on until the model answers; see `Agent.run`.

        A turn that fails or is cancelled stays in the transcript as far as it got.
        """

        async def emit(event: Event) -> None:
            if on_event is not None:
                on_event(event)

        start = len(self.transcript)
        outcome = await self._turn(prompt, images, deps, tool_choice, emit)
        messages = tuple(self.transcript[start:])
        return RunResult(
            outcome.answer, self.transcript, outcome.usage, messages, outcome.citations
        )

    async def stream(
        self,
        prompt: str,
        *,
        images: Sequence[Image] = (),
        deps: Any = None,
        tool_choice: str | None = None,
    ) -> AsyncGenerator[Event, None]:
        """The events of `run`, as they happen; see `Agent.stream`."""

        async def turn(emit: Emit) -> None:
            await self._turn(prompt, images, deps, tool_choice, emit)

        async with aclosing(stream_turn(turn)) as events:
            async for event in events:
                yield event

    async def _turn(
        self,
        prompt: str,
        images: Sequence[Image],
        deps: Any,
        tool_choice: str | None,
        emit: Emit,
    ) -> Outcome:
        if self._closed:
            raise ConfigurationError("this session is closed; open another with agent.session()")
        if self._running:
            raise ConfigurationError(
                "this session is busy with another turn; await it first, or open a second session"
            )
        if not prompt.strip() and not images:
            raise ConfigurationError("the prompt is empty; say something")
        agent = self._agent
        choice = agent.tool_choice if tool_choice is None else tool_choice
        agent.check_choice(choice)
        self._running = True
        try:
            # Importing torch and reading weights takes seconds: not on the event loop.
            loaded = agent._model  # pyright: ignore[reportPrivateUsage] - a session is its own
            model = loaded or await anyio.to_thread.run_sync(agent.load)
            self.transcript.append(User(prompt, tuple(images)))
            turn = Turn(
                model=model,
                tools=agent.tools,
                transcript=self.transcript,
                context=ToolContext(session_id=self.id, deps=deps, resources=self._resources),
                settings=agent.settings,
                limits=agent.limits,
                tool_choice=choice,
            )
            return await turn.run(emit)
        finally:
            self._running = False

    async def aclose(self) -> None:
        """Close what tools kept for the session. May be called twice."""
        self._closed = True
        with anyio.move_on_after(_CLOSING, shield=True) as scope:
            try:
                await self._resources.aclose()
            except Exception:  # noqa: BLE001 - a failing clean-up must not take the answer away
                _log.warning("session %s did not close cleanly", self.id, exc_info=True)
        if scope.cancelled_caught:
            _log.warning("session %s took over %s s to close", self.id, _CLOSING)

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
