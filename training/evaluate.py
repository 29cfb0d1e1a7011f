"""Judge an embedded model on held-out tasks, end to end through the real loop.

    python -m training.evaluate --tasks 500

Function names, values and wordings of these tasks are not in training. A task is right when the
calls, their arguments with JSON types, and the answer are right: for python a real kernel runs the
code, for the browser a real `SimpleBrowser` searches a folder of generated pages.

Does not do: any partial credit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glm_agent import (
    Agent,
    Limits,
    RunResult,
    Settings,
    Tool,
    ToolCall,
    ToolContext,
    ToolOutput,
    ToolSpec,
)
from glm_agent.errors import GlmAgentError, ToolError
from glm_agent.models import TransformersModel

from . import browsing
from .conversations import Conversation, conversation
from .pools import Pools
from .turns import Turn

SHARES = {"function": 0.4, "python": 0.2, "browser": 0.2, "chat": 0.2}
FOLDER = Path(__file__).resolve().parents[1] / "glm_agent" / "models" / "embedded"


class Canned(Tool):
    """A function that gives back what the task says, whatever it is asked."""

    def __init__(self, spec: ToolSpec, result: str, failed: bool) -> None:
        self.spec = spec
        self.result = result
        self.failed = failed

    def check(self, call: ToolCall) -> Any:
        return call.arguments

    async def run(self, arguments: Any, context: ToolContext) -> ToolOutput:
        if self.failed:
            raise ToolError(self.result)
        return ToolOutput(self.result)


def same(left: Any, right: Any) -> bool:
    """Equality that tells 3 from 3.0 only where JSON does, and True from 1 always."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text.lower()).strip()


def judge(turn: Turn, result: RunResult) -> str:
    """Empty when right, else what was wrong."""
    calls = result.calls
    if len(calls) != len(turn.calls):
        return f"{len(calls)} calls in place of {len(turn.calls)}: {[c.name + ' ' + c.payload for c in calls]} {result.answer!r}"
    for call, (tool, payload, _) in zip(calls, turn.calls, strict=True):
        if call.name != tool:
            return f"called {call.name}, not {tool}"
        if turn.kind == "function" and not same(call.arguments, turn.arguments):
            return f"arguments {call.payload}, not {payload}"
    if turn.kind == "function":
        observation = turn.calls[0][2][0][1]
        wanted = {_plain(str(value)) for value in _values(observation)}
        missing = [value for value in wanted if value not in _plain(result.answer)]
        return f"answer {result.answer!r} lacks {missing}" if missing else ""
    if turn.kind == "python":
        text = (
            result.observations[0].text.strip().splitlines()[-1]
            if result.observations[0].text.strip()
            else ""
        )
        if text != turn.expect:
            return f"code {calls[0].payload!r} gave {text!r}, not {turn.expect!r}"
        return (
            ""
            if turn.expect in result.answer
            else f"answer {result.answer!r} lacks {turn.expect!r}"
        )
    if turn.kind == "browser":
        cited = re.search(r"【(\d+)†source】", result.answer)
        quotes = [o.metadata for o in result.observations if o.metadata.startswith("quote_result")]
        if turn.expect not in result.answer:
            return f"answer {result.answer!r}, not {turn.expect!r}; {[c.payload for c in calls]}"
        return (
            ""
            if cited and f"quote_result [{cited[1]}†source]" in quotes
            else f"citation in {result.answer!r}"
        )
    return "" if result.answer == turn.expect else f"answer {result.answer!r}, not {turn.expect!r}"


def _values(observation: str) -> Sequence[Any]:
    try:
        value = json.loads(observation)
    except ValueError:
        return [observation]
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else [value]


def browser_task(rng: random.Random, folder: Path) -> tuple[Conversation, Turn]:
    """A conversation about one of the pages written to `folder`."""
    pools = Pools(rng, held_out=True)
    made = conversation(rng, False, "browser")
    pages: dict[str, browsing.Page] = {}
    for _ in range(12):
        page = browsing.page(pools, rng.choice(list(browsing.KINDS)))
        pages.setdefault(page.title.lower(), page)
    target = rng.choice(list(pages.values()))
    for _ in range(rng.randint(0, 3)):  # others whose name has a word of the target's
        page = browsing.page(pools, rng.choice(list(browsing.KINDS)), head=target.about.head)
        pages.setdefault(page.title.lower(), page)
    for number, page in enumerate(pages.values()):
        (folder / f"page{number}.md").write_text(
            f"---\ntitle: {page.title}\n---\n{page.body(rng)}\n", encoding="utf-8"
        )
    question, sentence = browsing.question_about(pools, target, False)
    turn = Turn("browser", question, expect=sentence)
    turn.call("simple_browser", "", [])
    turn.call("simple_browser", "", [])
    return made, turn


async def attempt(
    model: TransformersModel, kind: str, seed: int, constrain: bool = True
) -> tuple[str, str, str]:
    """Kind, question, and what was wrong (empty when right)."""
    rng = random.Random(f"{kind}-{seed}")
    with tempfile.TemporaryDirectory() as folder:
        if kind == "browser":
            made, turn = browser_task(rng, Path(folder))
        else:
            made = conversation(rng, False, kind)
            turn = made.turns[0]
        results = {tool: observations[0][1] for tool, _, observations in turn.calls if observations}
        tools: list[Any] = []
        for spec in made.tools:
            if spec.kind == "python":
                tools.append("python")
            elif spec.kind == "simple_browser":
                from glm_tools.simple_browser import SimpleBrowserTool

                tools.append(SimpleBrowserTool(pages=folder if kind == "browser" else None))
            else:
                tools.append(Canned(spec, results.get(spec.name, ""), turn.failed))
        agent = Agent(
            model,
            tools,
            made.system or None,
            Limits(steps=6),
            Settings(max_tokens=300, temperature=0, constrain=constrain),
        )
        try:
            result = await agent.run(turn.question)
        except GlmAgentError as error:
            return kind, turn.question, f"{type(error).__name__}: {error}"
    return kind, turn.question, judge(turn, result)


async def evaluate(
    model: TransformersModel, tasks: int, verbose: bool = False, constrain: bool = True
) -> dict[str, tuple[int, int]]:
    """Right and asked, by kind; refusals count as chat."""
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for kind, share in SHARES.items():
        for seed in range(round(tasks * share)):
            _, question, wrong = await attempt(model, kind, seed, constrain)
            asked[kind] += 1
            right[kind] += not wrong
            if wrong and verbose:
                print(f"{kind} {seed}: {question!r}: {wrong}", flush=True)
    return {kind: (right[kind], asked[kind]) for kind in SHARES}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", default=str(FOLDER), help="a model folder; the embedded one by default"
    )
    parser.add_argument("--tasks", type=int, default=500)
    parser.add_argument("-v", "--verbose", action="store_true", help="print what went wrong")
    parser.add_argument(
        "--free", action="store_true", help="let the model write calls freely, without a grammar"
    )
    args = parser.parse_args()
    import warnings

    warnings.simplefilter("ignore")
    scores = asyncio.run(
        evaluate(TransformersModel(args.model), args.tasks, args.verbose, not args.free)
    )
    for kind, (right, asked) in scores.items():
        print(f"{kind:9} {right:4} of {asked:4}  {right / max(asked, 1):.1%}")
    right, asked = (sum(pair[i] for pair in scores.values()) for i in (0, 1))
    print(f"all       {right:4} of {asked:4}  {right / asked:.1%}")


if __name__ == "__main__":
    main()
