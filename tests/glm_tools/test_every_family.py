"""The tools that take raw text work with models of every family."""

from __future__ import annotations

import json

import pytest
from glm_tools.python import PythonTool

from glm_agent import Agent, ScriptedModel
from glm_agent.messages import Image, ToolCall, ToolKind, ToolSpec
from glm_agent.tooling.base import Tool, ToolContext, ToolOutput

pytestmark = pytest.mark.anyio

PARAMETERS = {"python": "code", "simple_browser": "actions", "cogview": "prompt"}


def replies(family: str, tool: str, text: str, answer: str) -> list[str]:
    """A call and an answer, each as the family's models write it."""
    wrapped = json.dumps({PARAMETERS[tool]: text}, ensure_ascii=False)
    argument = (f"<arg_key>{PARAMETERS[tool]}</arg_key>", f"<arg_value>{text}</arg_value>")
    call, said = {
        "glm-4": (f"{tool}\n{text}", f"\n{answer}"),
        "glm-4-0414": (f"{tool}\n{wrapped}", f"\n{answer}"),
        "glm-z1": (f"hm\n</think>\n{tool}\n{wrapped}", f"hm\n</think>\n{answer}"),
        "glm-z1-rumination": (
            f"\n<think>\nhm</think>\n{tool} \n{wrapped}",
            f"\n<think>\nhm</think>\n{answer}",
        ),
        "glm-4.5": (
            f"\n<think>hm</think>\n<tool_call>{tool}\n{argument[0]}\n{argument[1]}\n</tool_call>",
            f"\n<think>hm</think>\n{answer}",
        ),
        "glm-4.7": (
            f"hm</think><tool_call>{tool}{''.join(argument)}</tool_call>",
            f"hm</think>{answer}",
        ),
    }["glm-4.7" if family == "glm-5" else family]
    return [call, said]


FAMILIES = (
    *("glm-4", "glm-4-0414", "glm-z1", "glm-z1-rumination"),
    *("glm-4.5", "glm-4.7", "glm-5"),
)
CODE = 'for n in range(2):\n    print(n, "好")'


@pytest.mark.parametrize("family", FAMILIES)
async def test_python(family: str) -> None:
    model = ScriptedModel(replies(family, "python", CODE, "Done."), protocol=family)
    result = await Agent(model, [PythonTool()]).run("Count.")
    assert result.answer == "Done."
    (observation,) = [m for m in result.transcript if m.role == "observation"]
    assert observation.text == "0 好\n1 好"
    (call,) = result.calls
    assert (call.name, call.payload) == ("python", CODE)
    asked = model.protocol.render(model.requests[-1].messages, [PythonTool.spec])
    assert "0 好\n1 好" in asked.text


class Raw(Tool):
    """Says what it was given, as several observations with metadata."""

    def __init__(self, spec: ToolSpec) -> None:
        self.spec = spec

    def check(self, call: ToolCall) -> str:
        return call.payload

    async def run(self, arguments: str, context: ToolContext) -> list[ToolOutput]:
        picture = (Image(b"x"),) if self.spec.kind == "cogview" else ()
        return [ToolOutput(f"<{arguments}>", metadata="a"), ToolOutput("", picture, "b")]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", ["simple_browser", "cogview"])
async def test_tools_with_observations_of_their_own(family: str, kind: ToolKind) -> None:
    text = 'search("北京", recency_days=7)\nmclick([0])'
    model = ScriptedModel(replies(family, kind, text, "Done."), protocol=family)
    result = await Agent(model, [Raw(ToolSpec(kind, kind=kind))]).run("Look.")
    assert result.answer == "Done."
    seen = [(m.metadata, m.text) for m in result.transcript if m.role == "observation"]
    assert seen == [("a", f"<{text}>"), ("b", "")]
    prompt = model.protocol.render(model.requests[-1].messages).text
    assert f"a\n<{text}>" in prompt
    assert prompt.index(f"a\n<{text}>") < prompt.rindex("b\n")
