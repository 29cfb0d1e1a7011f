"""Every family's grammar, against the family's own renderer and parser."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer

from glm_agent.messages import Assistant, Piece, ToolCall, ToolSpec, User
from glm_agent.protocol import Decoder, ParsedReply, encoder_for, protocol_for
from glm_agent.protocol.grammar import FAMILIES, grammar_of
from glm_agent.protocol.parsing.xml_values import allowed

from .judging import ASSISTANT, OBSERVATION, USER, Judge
from .random_tools import RandomTools

pytest.importorskip("llguidance")
torch = pytest.importorskip("torch")
jsonschema = pytest.importorskip("jsonschema")

XML = ("glm-4.5", "glm-4.7", "glm-5")
# Each family, and those that can be asked not to think.
WAYS = [
    *[(name, {}) for name in sorted(FAMILIES)],
    *[(name, {"enable_thinking": False}) for name in XML],
]
BEGINNINGS = {
    "glm-z1": ["So.</think>"],
    "glm-z1-rumination": ["\n<think>So.</think>", "{} \n"],
}
BY_NAME = pytest.mark.parametrize(
    ("family", "options"),
    WAYS,
    ids=[name + ("-silent" if options else "") for name, options in WAYS],
)
MANY = pytest.mark.parametrize(
    "count", [50, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)


@pytest.fixture(scope="module")
def all_tokens(small_tokenizer: Tokenizer) -> Tokenizer:
    """A small tokenizer with the control tokens of all families."""
    tokenizer = Tokenizer.from_str(small_tokenizer.to_str())
    controls = dict.fromkeys(token for name in FAMILIES for token in protocol_for(name).controls)
    # As in the published tokenizers, the tags are added tokens, but not special ones.
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True) for token in controls if "|" in token]
    )
    tokenizer.add_tokens([AddedToken(token, special=False) for token in controls])
    return tokenizer


@pytest.fixture(scope="module")
def judge(all_tokens: Tokenizer) -> Judge:
    return Judge(encoder_for(all_tokens))


# --- what the renderer writes is admitted ------------------------------------------------------------


def written(
    protocol: Any, tools: Sequence[ToolSpec], parts: Sequence[str | ToolCall], thinking: str
) -> list[Piece]:
    """The reply as the model would have to write it, after a prompt that asks for one."""
    opening = protocol.render([], tools).opening
    message = Assistant(tuple(parts), thinking=thinking)
    asked = [User("Hello")]
    before = list(protocol.render(asked, tools, add_generation_prompt=False).flat())
    after = list(protocol.render([*asked, message], tools, add_generation_prompt=False).flat())
    reply = after[len(before) :]
    assert reply[0] == ASSISTANT
    if protocol.name.startswith("glm-z1") and thinking:
        # The renderer leaves the thinking out; the prompt, or the model, has begun it on the line
        # of the answer, so what comes next is an answer or a segment of its own.
        if isinstance(parts[0], str):
            reply = reply[1:]
        begin = "" if opening else "\n<think>"
        return [f"{begin}{thinking}</think>", *reply]
    reply = reply[1:]
    if opening:
        assert "".join(map(str, reply)).startswith("".join(map(str, opening)))
        reply = reply[len(opening) :]
    return reply


def in_order(call: ToolCall, tools: Sequence[ToolSpec]) -> ToolCall:
    """With the payload that belongs to its arguments."""
    if call.arguments is None:
        return call
    return replace(call, payload=json.dumps(call.arguments, ensure_ascii=False))


def satisfies(call: ToolCall, tools: Sequence[ToolSpec]) -> bool:
    (tool,) = (tool for tool in tools if tool.name == call.name)
    if tool.kind != "function":
        return bool(call.payload)
    checker = jsonschema.FormatChecker(["date", "ipv4", "ipv6", "uuid"])
    return jsonschema.Draft202012Validator(tool.parameters, format_checker=checker).is_valid(
        call.arguments
    )


def begins_like_another(call: ToolCall, tools: Sequence[ToolSpec]) -> bool:
    """Whether a text begins like a list or an object, where its parameter may be one.

    Of those, a grammar in tags holds the form, so that a text cannot begin as they do.
    """
    (tool,) = (tool for tool in tools if tool.name == call.name)
    return any(
        isinstance(value, str)
        and value.lstrip()[:1] in ("[", "{")
        and bool(allowed(tool.parameters, key) & {"array", "object"})
        for key, value in (call.arguments or {}).items()
    )


def calls_of(reply: ParsedReply) -> list[tuple[Any, ...]]:
    return [
        (call.name, call.arguments or call.payload, call.error, call.repairs)
        for call in reply.calls
    ]


@MANY
@BY_NAME
def test_what_the_renderer_writes_is_admitted(
    judge: Judge, family: str, options: dict[str, Any], count: int
) -> None:
    protocol = protocol_for(family, **options)
    admitted = 0
    for seed in range(count * 2):
        made = RandomTools(seed)
        tools = made.tools()
        calls = [
            in_order(made.call(made.one(tools)), tools) for _ in range(made.random.randint(0, 3))
        ]
        if not all(satisfies(call, tools) for call in calls):
            continue
        text = made.one(["Let me see.", "天气\n\n如下："])
        with_text = not calls or made.yes(0.4)
        parts = [*([text] if with_text else []), *calls]
        silent = bool(options) or family in ("glm-4", "glm-4-0414")
        thinking = "" if silent or (family == "glm-z1-rumination" and made.yes()) else "Hm…\nwell"
        pieces = written(protocol, tools, parts, thinking)
        read = protocol.parse(
            pieces, tools, "<|observation|>" if calls else "<|user|>", strict=True
        )
        if calls_of(read) != calls_of(ParsedReply(tuple(parts))):
            # A text that reads as another of the types that its parameter may have; or one that
            # spells the tag that ends it.
            assert family in XML
            continue
        if family in XML and any(begins_like_another(call, tools) for call in calls):
            continue
        stop = OBSERVATION if calls else USER
        opening = protocol.render([], tools).opening
        where: dict[str, Any] = {"family": family, "opening": opening}
        assert judge.admits(tools, *pieces, stop, **where), (pieces, [t.parameters for t in tools])
        needs_call = bool(calls) and not with_text
        assert judge.admits(tools, *pieces, stop, choice="required", **where) is needs_call
        assert judge.admits(tools, *pieces, stop, choice="none", **where) is (not calls)
        if needs_call:
            named = len(calls) == 1
            assert judge.admits(tools, *pieces, stop, choice=calls[0].name, **where) is named
        admitted += 1
    assert admitted > count


# --- what the grammar generates is read back ---------------------------------------------------------


@dataclass
class Walk:
    """Chooses at random among the tokens that may come next, and what ends things more often."""

    judge: Judge
    seed: int

    def __post_init__(self) -> None:
        encoder = self.judge.encoder
        weights = torch.ones(self.judge.constrainer.width)
        for id_ in range(len(weights)):
            if id_ in encoder.controls:
                weights[id_] = 60
            elif set(encoder.bytes_of(id_)) & set(b'"}]>'):
                weights[id_] = 40
        self.logits = weights.log()
        self.generator = torch.Generator().manual_seed(self.seed)

    def reply(
        self, grammar: str, begin: str = "", most: int = 400
    ) -> tuple[list[Piece], str | None]:
        """The reply's pieces, and its stop token; None if it was cut. `begin` is how it begins."""
        constraint = self.judge.constrainer.constraint(grammar)
        decoder = Decoder(self.judge.encoder)
        pieces: list[Piece] = []
        for token in self.judge.encoder.text(begin):
            constraint.accept(token)
            pieces += decoder.feed([token])
        for _ in range(most):
            odds = constraint.limit(self.logits).softmax(-1)
            token = int(torch.multinomial(odds, 1, generator=self.generator))
            name = self.judge.encoder.controls.get(token)
            if name in ("<|endoftext|>", "<|user|>", "<|observation|>"):
                return pieces + decoder.close(), name
            constraint.accept(token)
            pieces += decoder.feed([token])
        return pieces + decoder.close(), None


@MANY
@BY_NAME
def test_what_the_grammar_generates_satisfies_the_schemas(
    judge: Judge, family: str, options: dict[str, Any], count: int
) -> None:
    protocol = protocol_for(family, **options)
    seen: Counter[str] = Counter()
    for seed in range(count):
        made = RandomTools(seed)
        tools = made.tools()
        choice = made.one(["auto", "required", "required", made.one(tools).name])
        opening = protocol.render([], tools).opening
        grammar = grammar_of(family, tools, choice, opening)
        assert grammar is not None
        # Where the tags of thinking are spelled, chance would hardly ever find the end.
        named = choice if choice not in ("auto", "required") else tools[0].name
        begin = made.one(BEGINNINGS.get(family, [""])).format(named)
        pieces, stop = Walk(judge, seed).reply(grammar, begin)
        read = protocol.parse(pieces, tools, stop, stop is None, strict=True)
        if stop == "<|observation|>" and not read.calls and family.startswith("glm-z1"):
            # Called right after the thought: not quite the form, and nothing has to be mended.
            assert choice == "auto"
            read = protocol.parse(pieces, tools, stop)
        seen["cut" if stop is None else "answer" if stop != "<|observation|>" else "call"] += 1
        calls = read.calls[:-1] if stop is None else read.calls
        if choice != "auto" and stop is not None:
            assert (read.text, stop) == ("", "<|observation|>"), (pieces, grammar)
            assert calls
            assert len(calls) == 1 or choice == "required"
        for call in calls:
            if "twice" in (call.error or ""):  # names that are free may be the same
                continue
            assert (call.error, call.repairs) == (None, ()), (call, pieces)
            assert satisfies(call, tools), (call, [tool.parameters for tool in tools])
            assert choice in ("auto", "required", call.name)
            seen["right"] += 1
    assert seen["call"] > count / 2, seen
    assert seen["answer"] > 0
    assert seen["right"] > count / 2
    print(family, dict(seen))
