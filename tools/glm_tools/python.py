"""The `python` tool: the model writes code, a Jupyter kernel of the session runs it.

Variables, imports and files stay from call to call. The kernel is isolated by the strongest kind
that there is on this machine; where there is none it runs with the rights of this process, and a
warning says so. `kind="auto"` refuses instead. Does not do: running the kernel (`glm_sandbox`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread

from glm_agent.errors import InvalidArguments
from glm_agent.messages import Image, ToolCall, ToolSpec
from glm_agent.tooling.base import Tool, ToolContext, ToolOutput

if TYPE_CHECKING:
    from glm_sandbox import ExecutionResult, Kernel, KernelPool

_FENCE = re.compile(
    r"\A\s*```[ \t]*(?:python3?|py|ipython)?[ \t]*\n(.*?)(?:\n?[ \t]*```\s*)?\Z",
    re.DOTALL | re.IGNORECASE,
)
# Control tokens of GLM-4's vocabulary, spelt out at the end by a server or a careless model.
_TOKEN = re.compile(r"\s*<\|(?:observation|user|assistant|system|endoftext)\|>\s*\Z")
_SLACK = 15.0  # seconds beyond `timeout` for starting, interrupting and restarting a kernel


class PythonTool(Tool):
    """Runs Python in a kernel that is the session's own.

    Args:
        timeout: Seconds that one call may run before it is interrupted.
        kind: The kind of kernel, such as "bubblewrap" or "docker" (`glm_sandbox.KINDS`); "auto"
            for the strongest isolation or an error, None for the strongest or, with a warning,
            none.
        folder: A work folder to use and to keep; None for a temporary one per session. Isolated
            kernels get a copy of it when they start, and what they change is copied back.
        memory: The most that a session's code may use, such as "2GiB"; None for the kind's own
            bound, which is 1 GiB where there is isolation.
        max_chars: Characters of text of one observation; head and tail are kept.
    """

    spec = ToolSpec(
        name="python",
        description="Runs Python code in a stateful Jupyter kernel and returns what it prints.",
        parameters={  # for servers that know functions only; GLM-4's own format takes raw code
            "type": "object",
            "properties": {"code": {"type": "string", "description": "The code to run."}},
            "required": ["code"],
        },
        kind="python",
    )

    def __init__(
        self,
        timeout: float = 60.0,
        kind: str | None = None,
        folder: str | Path | None = None,
        max_chars: int = 20_000,
        memory: str | int | None = None,
    ) -> None:
        from glm_sandbox import Limits

        if timeout <= 0 or max_chars <= 0:
            raise ValueError("timeout and max_chars must be above 0")
        self.seconds = timeout
        # The kernel keeps the time itself, so that variables survive; this is the last resort.
        self.timeout = timeout + _SLACK + Limits().start_seconds
        self.max_chars = max_chars + 1_000  # the text is cut by the kernel; room for our notes
        self._folder = None if folder is None else Path(folder)
        self._limits = Limits(seconds=timeout, output=max_chars, memory=memory)
        # Looking for isolation runs a program, so a tool that is only listed does not do it.
        self._pool = None if kind is None else self._make_pool(kind)

    def check(self, call: ToolCall) -> str:
        """The code. A Markdown fence around it and a control token after it are taken off."""
        code = call.payload
        if call.arguments is not None:
            code = call.arguments.get("code", code)
            if not isinstance(code, str):
                raise InvalidArguments('"code" must be a text of Python')
        while token := _TOKEN.search(code):
            code = code[: token.start()]
        fenced = _FENCE.match(code)
        return fenced.group(1) if fenced else code

    async def prepare(self, context: ToolContext) -> None:
        """Start the session's kernel, so that it is there when the code is written."""
        from glm_sandbox import SandboxError

        session = await context.resource(self, self._open)
        try:
            await session.kernel.start()
        except SandboxError:
            return  # `run` meets it again and tells the model

    async def run(self, arguments: str, context: ToolContext) -> ToolOutput:
        """Run the code in the session's kernel."""
        session = await context.resource(self, self._open)
        result = await session.kernel.execute(arguments, timeout=self.seconds)
        notes = session.notes(result)
        return ToolOutput(
            text="\n".join(filter(None, [result.text, *notes])),
            images=tuple(Image(image.data, image.media_type) for image in result.images),
            outcome="error" if result.status == "died" else result.status,
        )

    def _make_pool(self, kind: str | None) -> KernelPool:
        from glm_sandbox import KernelPool, strongest_or_local

        return KernelPool(kind=kind or strongest_or_local(), limits=self._limits)

    async def _open(self) -> _Session:
        if self._pool is None:
            self._pool = await anyio.to_thread.run_sync(self._make_pool, None)
        return _Session(self._pool.claim(self._folder))


class _Session:
    """A session's kernel and what its model was told of it."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self._told_lost = False

    def notes(self, result: ExecutionResult) -> list[str]:
        """What the model must know besides the text."""
        notes: list[str] = []
        lost = "variables and imports from before are gone; files are kept"
        if result.status in {"timeout", "died"}:
            kept = lost if result.state_lost else "variables are kept"
            notes.append(f"[{result.detail}; {kept}]")
        elif result.state_lost and not self._told_lost:
            notes.append(f"[the kernel was restarted; {lost}]")
        self._told_lost = result.state_lost
        if result.files:
            names = ", ".join(result.files[:20])
            more = len(result.files) - 20
            notes.append(f"[files: {names}{f' and {more:,} more' if more > 0 else ''}]")
        return notes

    async def aclose(self) -> None:
        await self.kernel.aclose()
