"""Tools that take raw text, in formats that know functions only."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_agent.events import CallDelta, CallReady, CallStarted
from glm_agent.messages import Assistant, Control, Piece, ToolCall, ToolSpec
from glm_agent.protocol import protocol_for
from glm_agent.protocol.rendering.raw_tools import RAW_PARAMETER, as_function

from .conversations import FAMILIES, RAW, XML

CODE = 'x = "a"\nprint(x)'
SPECS = tuple(ToolSpec(kind, kind=kind) for kind in RAW)
FUNCTIONS = [name for name in FAMILIES if name != "glm-4"]


def written(family: str, name: str, text: str) -> list[Piece]:
    """A call as the family's models write it, after its thinking."""
    if family == "glm-4":
        return [f"{name}\n{text}"]
    parameter = RAW_PARAMETER[name]
    if family not in XML:
        payload = json.dumps({parameter: text}, ensure_ascii=False)
        return [f"hm</think>\n{name}\n{payload}" if family == "glm-z1" else f"{name}\n{payload}"]
    gap = "\n" if family == "glm-4.5" else ""
    start: list[Piece] = [Control("</think>")] if family != "glm-4.5" else []
    key = [Control("<arg_key>"), parameter, Control("</arg_key>"), gap, Control("<arg_value>")]
    end = [Control("</arg_value>"), gap, Control("</tool_call>")]
    return [*start, Control("<tool_call>"), f"{name}{gap}", *key, text, *end]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", RAW)
def test_a_tool_gets_its_text_from_every_family(family: str, kind: str) -> None:
    parser = protocol_for(family).stream_parser(SPECS)
    events = [event for piece in written(family, kind, CODE) for event in parser.feed(piece)]
    events += parser.close("<|observation|>")
    call = ToolCall("call_1", kind, CODE)
    assert parser.parts == (call,)
    assert CallStarted("call_1", kind) in events
    assert events[-1] == CallReady(call)
    assert "".join(event.text for event in events if isinstance(event, CallDelta)) == CODE


@pytest.mark.parametrize("family", FUNCTIONS)
def test_raw_tools_are_listed_as_functions(family: str) -> None:
    text = protocol_for(family).render([], SPECS).text
    for spec in SPECS:
        function = as_function(spec).function()
        assert function["description"]
        listed = [json.dumps(function, ensure_ascii=False, indent=n) for n in (4, None)]
        assert any(form in text for form in listed)


def test_a_description_of_ones_own_is_kept() -> None:
    assert as_function(ToolSpec("py", "Runs it.", kind="python")).description == "Runs it."
    function = ToolSpec("f")
    assert as_function(function) is function


@pytest.mark.parametrize("family", FUNCTIONS)
@given(text=st.text(max_size=30))
def test_what_was_called_is_written_back_as_a_function(family: str, text: str) -> None:
    reply = Assistant((ToolCall("call_1", "python", text),))
    protocol = protocol_for(family)
    prompt = protocol.render([reply], SPECS, add_generation_prompt=False)
    if family in XML:
        pieces = list(prompt.flat())
        value = pieces[pieces.index(Control("<arg_value>"), -8) + 1 :]
        assert value[0] == (text or Control("</arg_value>"))
    else:
        assert prompt.text.endswith(json.dumps({"code": text}, ensure_ascii=False))


@pytest.mark.parametrize("family", ["glm-4-0414", "glm-z1-rumination"])
@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ('{"code": "1"}', "1"),
        ('{"source": "1"}', "1"),
        ('"1"', "1"),
        ("print(1)", "print(1)"),  # as glm-4 writes it
        ("x = {\n", "x = {"),
    ],
)
def test_models_that_wrap_it_otherwise(family: str, payload: str, text: str) -> None:
    reply = protocol_for(family).parse(f"python\n{payload}", SPECS, stop="<|observation|>")
    (call,) = reply.calls
    assert (call.payload, call.arguments, call.error) == (text, None, None)


@pytest.mark.parametrize("family", FUNCTIONS)
def test_a_call_that_was_cut_is_not_run(family: str) -> None:
    pieces = written(family, "python", CODE)
    whole = len(pieces)
    cut = pieces[: whole - 3] if family in XML else [str(pieces[0])[:-6]]
    (call,) = protocol_for(family).parse(cut, SPECS, truncated=True).calls
    assert call.name == "python"
    assert "cut by the token limit" in (call.error or "")


@pytest.mark.parametrize("family", FUNCTIONS)
def test_functions_beside_raw_tools_stay_functions(family: str) -> None:
    pieces = written(family, "python", CODE)
    tools = [ToolSpec("python", parameters={"properties": {"code": {"type": "string"}}})]
    (call,) = protocol_for(family).parse(pieces, tools).calls
    assert call.arguments == {"code": CODE}
