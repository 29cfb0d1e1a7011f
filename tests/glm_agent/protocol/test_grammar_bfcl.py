"""The Berkeley set: its schemas can be held, and its right answers are never forbidden."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer

from glm_agent.messages import Assistant, Control, Piece, ToolCall, User
from glm_agent.protocol import encoder_for, protocol_for
from glm_agent.protocol.grammar import grammar_of

from . import bfcl
from .judging import OBSERVATION, Judge

pytest.importorskip("llguidance")
jsonschema = pytest.importorskip("jsonschema")

IN_TAGS = "glm-4.7"
FAMILIES = ("glm-4", IN_TAGS)

# An answer to another question than the task's.
ASTRAY = {("simple", 363)}
# Answers that name a parameter which their own function does not have.
CONTRADICT = {("parallel_multiple_function", 12), ("parallel_multiple_function", 26)}


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "bfcl" / "v1"


@pytest.fixture(scope="module")
def judge(shared: Path) -> Judge:
    """With the real tokenizer, and the tags of later ones."""
    tokenizer = Tokenizer.from_file(str(shared / "glm4" / "tokenizer" / "tokenizer.json"))
    tokenizer.add_tokens([AddedToken(tag, special=False) for tag in protocol_for(IN_TAGS).markers])
    return Judge(encoder_for(tokenizer))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_schema_can_be_held(folder: Path, judge: Judge, family: str) -> None:
    count = 0
    for _, _, tools in bfcl.tools(folder):
        grammar = grammar_of(family, tools)
        assert grammar is not None
        judge.constrainer.constraint(grammar)
        count += 1
    assert count == 1700


def written(family: str, name: str, arguments: Mapping[str, Any]) -> list[Piece]:
    """A call as the family writes it."""
    if family == IN_TAGS:
        call = ToolCall("call_1", name, "", arguments)
        messages = [User(""), Assistant((call,))]
        rendered = protocol_for(family, enable_thinking=False).render(
            messages, add_generation_prompt=False
        )
        pieces = list(rendered.flat())
        return pieces[pieces.index(Control("<tool_call>")) :]
    return [f"{name}\n{json.dumps(arguments, ensure_ascii=False)}"]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_right_answer_is_admitted(folder: Path, judge: Judge, family: str) -> None:
    offered = {(name, number): tools for name, number, tools in bfcl.tools(folder)}
    seen: Counter[bool] = Counter()
    forbidden: set[tuple[str, int]] = set()
    astray: set[tuple[str, int]] = set()
    for name, number, function, given in bfcl.answers(folder):
        tools = offered[name, number]
        tool = bfcl.tool_of(function, tools)
        if tool is None:
            astray.add((name, number))
            continue
        order = [*tool.parameters["properties"], *given]
        arguments = {key: given[key] for key in sorted(given, key=order.index)}
        # "date" is a format that is held; "12/25/2020" is an answer but no date.
        checker = jsonschema.FormatChecker(["date"])
        validator = jsonschema.Draft202012Validator(tool.parameters, format_checker=checker)
        fits = validator.is_valid(arguments)
        seen[fits] += 1
        reply = [*written(family, tool.name, arguments), OBSERVATION]
        opening = (Control("</think>"),)
        if fits and not judge.admits(tools, *reply, family=family, opening=opening):
            forbidden.add((name, number))
    assert astray == ASTRAY
    assert forbidden == CONTRADICT
    assert seen[True] > 2000
