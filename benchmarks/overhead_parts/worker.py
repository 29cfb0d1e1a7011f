"""One client of the overhead benchmark, measured in a process of its own.

    python benchmarks/overhead_parts/worker.py CLIENT MODE CALLS TURNS [URL]

A turn is the user's question, CALLS calls of `add` one after another, each executed, and an answer.
MODE is `http` (the framework's ordinary run against the server at URL), `streamed` (the same, as a
stream of events) or `process` (with the framework's own test model). Agents are made once, except
where the test model holds the script of one conversation (glm-agent, openai-agents).

In process, the peers' models hand over finished messages. glm-agent's `ScriptedModel` writes in the
wire format, so that each step renders the prompt and parses the reply; "glm-agent (bare)" has a model
as the peers' are, for the same work on both sides.

Prints one JSON object on its last line: CPU milliseconds of each turn (all threads of the process), the highest
resident memory in MB, turns a second with 50 turns at once (for one call a turn), and how many calls
were executed.

Does not do: checking the counts (`overhead.py` does, with the server's own).
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from server import answer, arguments

QUESTION = "What is 1 + 2?"
CONCURRENT = 50

ran: list[None] = []
"""One entry for each time that the tool ran; adding one is safe from any thread."""

Turn = Callable[[], Awaitable[str]]


async def add(a: int, b: int) -> int:
    """Add two numbers.

    Args:
        a: The first number.
        b: The second number.
    """
    ran.append(None)
    return a + b


def ours(mode: str, calls: int, url: str) -> Turn:
    from glm_agent import Agent, Limits, tool

    plus = tool(add)
    limits = Limits(steps=calls + 1)
    if mode == "process":
        from glm_agent import ScriptedModel

        script = [f"add\n{arguments(step)}" for step in range(1, calls + 1)]
        script.append(f"\n{answer(calls)}")

        async def scripted() -> str:
            agent = Agent(ScriptedModel(script), [plus], limits=limits)
            return (await agent.run(QUESTION)).answer

        return scripted
    from glm_agent import OpenAICompatibleModel

    agent = Agent(OpenAICompatibleModel(url, f"k{calls}", mode="chat"), [plus], limits=limits)

    async def turn() -> str:
        return (await agent.run(QUESTION)).answer

    return turn


def bare(mode: str, calls: int, url: str) -> Turn:
    from collections.abc import AsyncIterator

    from glm_agent import Agent, Limits, tool
    from glm_agent.events import CallDelta, CallReady, CallStarted, TextDelta
    from glm_agent.messages import Assistant, ToolCall, Usage
    from glm_agent.models.base import Model, Reply, Request

    class Scripted(Model):
        """Gives the events that a server's replies give, from messages that are made at once."""

        name = "scripted"

        async def stream(self, request: Request) -> AsyncIterator[Any]:
            step = 1 + sum(isinstance(message, Assistant) for message in request.messages)
            usage = Usage(1, 100, 0, 10)
            if step > calls:
                yield TextDelta(answer(calls))
                yield Reply(Assistant((answer(calls),)), usage)
                return
            text = arguments(step)
            call = ToolCall(f"call_{request.first_call}", "add", text, json.loads(text))
            yield CallStarted(call.id, call.name)
            yield CallDelta(call.id, text)
            yield CallReady(call)
            yield Reply(Assistant((call,)), usage)

    agent = Agent(Scripted(), [tool(add)], limits=Limits(steps=calls + 1))

    async def turn() -> str:
        return (await agent.run(QUESTION)).answer

    return turn


def pydantic_ai(mode: str, calls: int, url: str) -> Turn:
    from pydantic_ai import Agent, UsageLimits
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import AgentInfo, FunctionModel
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    def say(messages: list[Any], _: AgentInfo) -> ModelResponse:
        step = 1 + sum(isinstance(message, ModelResponse) for message in messages)
        if step > calls:
            return ModelResponse(parts=[TextPart(answer(calls))])
        return ModelResponse(parts=[ToolCallPart("add", arguments(step))])

    model: Any = FunctionModel(say)
    if mode != "process":
        model = OpenAIChatModel(f"k{calls}", provider=OpenAIProvider(base_url=url, api_key="x"))
    agent = Agent(model, tools=[add])
    limits = UsageLimits(request_limit=None)

    async def turn() -> str:
        return str((await agent.run(QUESTION, usage_limits=limits)).output)

    async def streamed() -> str:
        async with agent.run_stream_events(QUESTION, usage_limits=limits) as events:
            last: Any = None
            async for event in events:
                last = event
        return str(last.result.output)

    return streamed if mode == "streamed" else turn


def openai_agents(mode: str, calls: int, url: str) -> Turn:
    from agents import (
        Agent,
        OpenAIChatCompletionsModel,
        Runner,
        function_tool,
        set_tracing_disabled,
    )
    from agents.testing import ScriptedModel, assistant_message, function_call
    from openai import AsyncOpenAI

    set_tracing_disabled(True)
    plus = function_tool(add)
    rounds = calls + 5
    if mode == "process":

        async def scripted() -> str:
            script: list[Any] = [
                [function_call("add", arguments(step), call_id=f"call_{step}")]
                for step in range(1, calls + 1)
            ]
            model = ScriptedModel([*script, [assistant_message(answer(calls))]])
            agent = Agent(name="adder", model=model, tools=[plus])
            return str((await Runner.run(agent, QUESTION, max_turns=rounds)).final_output)

        return scripted
    client = AsyncOpenAI(base_url=url, api_key="x")
    model = OpenAIChatCompletionsModel(model=f"k{calls}", openai_client=client)
    agent = Agent(name="adder", model=model, tools=[plus])

    async def turn() -> str:
        return str((await Runner.run(agent, QUESTION, max_turns=rounds)).final_output)

    async def streamed() -> str:
        result = Runner.run_streamed(agent, QUESTION, max_turns=rounds)
        async for _ in result.stream_events():
            pass
        return str(result.final_output)

    return streamed if mode == "streamed" else turn


def smolagents(mode: str, calls: int, url: str) -> Callable[[], str]:
    import threading

    from smolagents import LogLevel, OpenAIModel, ToolCallingAgent
    from smolagents import tool as as_tool
    from smolagents.models import (
        ChatMessage,
        ChatMessageToolCall,
        ChatMessageToolCallFunction,
        MessageRole,
        Model,
        TokenUsage,
    )

    def plus(a: int, b: int) -> int:
        """Add two numbers.

        Args:
            a: The first number.
            b: The second number.
        """
        ran.append(None)
        return a + b

    plus.__name__ = "add"
    adder: Any = as_tool(plus)

    class Scripted(Model):
        """smolagents has no test model; this is as little as one can be."""

        def generate(self, messages: list[Any], *_: Any, **__: Any) -> ChatMessage:
            step = 1 + sum(message.role == MessageRole.TOOL_RESPONSE for message in messages)
            name, text = "add", arguments(step) if step <= calls else ""
            if step > calls:
                name, text = "final_answer", json.dumps({"answer": answer(calls)})
            function = ChatMessageToolCallFunction(name=name, arguments=json.loads(text))
            call = ChatMessageToolCall(function=function, id=f"call_{step}", type="function")
            return ChatMessage(MessageRole.ASSISTANT, "", [call], token_usage=TokenUsage(100, 10))

    model: Any = Scripted()
    if mode != "process":
        model = OpenAIModel(f"k{calls}", api_base=url, api_key="x")
    streamed = mode == "streamed"
    own = threading.local()  # an agent holds one conversation, so each thread has one

    def turn() -> str:
        if not hasattr(own, "agent"):
            own.agent = ToolCallingAgent(
                tools=[adder], model=model, verbosity_level=LogLevel.OFF, stream_outputs=streamed
            )
        if not streamed:
            return str(own.agent.run(QUESTION, max_steps=calls + 5))
        last: Any = None
        for event in own.agent.run(QUESTION, max_steps=calls + 5, stream=True):
            last = event
        return str(last.output)

    return turn


def raw_httpx(mode: str, calls: int, url: str) -> Turn:
    """No framework: the requests alone, with the history kept as the dictionaries to send."""
    import httpx

    client = httpx.AsyncClient(timeout=60)
    parameters = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    }
    function = {"name": "add", "description": "Add two numbers.", "parameters": parameters}

    async def turn() -> str:
        messages: list[dict[str, Any]] = [{"role": "user", "content": QUESTION}]
        body = {
            "model": f"k{calls}",
            "messages": messages,
            "tools": [{"type": "function", "function": function}],
        }
        while True:
            response = await client.post(f"{url}/chat/completions", json=body)
            message = response.raise_for_status().json()["choices"][0]["message"]
            messages.append(message)
            if not message.get("tool_calls"):
                return message["content"]
            for call in message["tool_calls"]:
                result = await add(**json.loads(call["function"]["arguments"]))
                messages.append(
                    {"role": "tool", "tool_call_id": call["id"], "content": str(result)}
                )

    return turn


CLIENTS: dict[str, Callable[[str, int, str], Any]] = {
    "glm-agent": ours,
    "glm-agent (bare)": bare,
    "raw httpx": raw_httpx,
    "openai-agents": openai_agents,
    "smolagents": smolagents,
    "pydantic-ai": pydantic_ai,
}


def peak_memory() -> float:
    """The highest resident memory so far, in MB. (ru_maxrss would count the parent's, before exec.)"""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("this system does not tell the highest memory")


def check(said: str, calls: int) -> None:
    if answer(calls) not in said:
        raise RuntimeError(f"wrong answer: {said}")


def measure(client: str, mode: str, calls: int, turns: int, url: str) -> dict[str, Any]:
    """Run the turns and give what they cost."""
    started = time.process_time()
    turn = CLIENTS[client](mode, calls, url)
    setup = (time.process_time() - started) * 1000
    spent: list[float] = []
    result: dict[str, Any] = {"setup": setup, "spent": spent, "per_second": 0.0}
    many = max(CONCURRENT, turns) if calls == 1 else 0

    def note(begun: float, said: str) -> None:
        spent.append((time.process_time() - begun) * 1000)
        check(said, calls)

    def end(begun: float, said: list[str], wall: float) -> None:
        result["concurrent_spent"] = (time.process_time() - begun) * 1000 / many
        result["per_second"] = many / (time.perf_counter() - wall)
        for text in said:
            check(text, calls)

    async def asynchronous() -> None:
        for _ in range(turns + 3):
            begun = time.process_time()
            note(begun, await turn())
        result["memory"] = peak_memory()
        gate = asyncio.Semaphore(CONCURRENT)

        async def one() -> str:
            async with gate:
                return await turn()

        if not many:
            return
        begun, wall = time.process_time(), time.perf_counter()
        end(begun, await asyncio.gather(*(one() for _ in range(many))), wall)

    def synchronous() -> None:
        for _ in range(turns + 3):
            begun = time.process_time()
            note(begun, turn())
        result["memory"] = peak_memory()
        if not many:
            return
        with ThreadPoolExecutor(CONCURRENT) as pool:
            begun, wall = time.process_time(), time.perf_counter()
            end(begun, list(pool.map(lambda _: turn(), range(many))), wall)

    gc.collect()
    if client == "smolagents":
        synchronous()
    else:
        asyncio.run(asynchronous())
    del spent[:3]  # the first turns load what is loaded when it is first used
    return {
        **result,
        "memory_concurrent": peak_memory(),
        "executed": len(ran),
        "turns": turns + 3 + many,
    }


if __name__ == "__main__":
    name, way, number, repeat, *address = sys.argv[1:]
    # On a line of its own: smolagents prints what it streams.
    print("\n" + json.dumps(measure(name, way, int(number), int(repeat), *(address or [""]))))
