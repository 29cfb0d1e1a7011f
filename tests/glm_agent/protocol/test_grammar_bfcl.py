"""The Berkeley set: its schemas can be held, and its right answers are never forbidden."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from glm_agent.protocol import encoder_for
from glm_agent.protocol.grammar import grammar_of

from . import bfcl
from .judging import OBSERVATION, Judge

pytest.importorskip("llguidance")
jsonschema = pytest.importorskip("jsonschema")

# An answer to another question than the task's.
ASTRAY = {("simple", 363)}
# Answers that name a parameter which their own function does not have.
CONTRADICT = {("parallel_multiple_function", 12), ("parallel_multiple_function", 26)}


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    return shared / "bfcl" / "v1"


@pytest.fixture(scope="module")
def judge(real_tokenizer) -> Judge:
    return Judge(encoder_for(real_tokenizer))


def test_every_schema_can_be_held(folder: Path, judge: Judge) -> None:
    count = 0
    for _, _, tools in bfcl.tools(folder):
        grammar = grammar_of("glm-4", tools)
        assert grammar is not None
        judge.constrainer.constraint(grammar)
        count += 1
    assert count == 1700


def test_every_right_answer_is_admitted(folder: Path, judge: Judge) -> None:
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
        text = f"{tool.name}\n{json.dumps(arguments, ensure_ascii=False)}"
        if fits and not judge.admits(tools, text, OBSERVATION):
            forbidden.add((name, number))
    assert astray == ASTRAY
    assert forbidden == CONTRADICT
    assert seen[True] > 2000
