"""The GLM families: each one's renderer and parser under one name.

To add a family, write its two halves and enter it in `_FAMILIES`; `guess.py` says which models are
of it.

Does not do: reading files or asking a server; callers pass a name, a path or a loaded config.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..errors import ConfigurationError
from ..messages import Message, Piece, ToolSpec
from . import guess
from .parsing.stream import Glm4Parser
from .parsing.thinking import ThinkingParser
from .parsing.xml_stream import XmlParser45, XmlParser47
from .prompt import Prompt
from .rendering import base as rendering
from .rendering import glm45, rumination_text
from .rendering.builder import PromptBuilder
from .rendering.glm4 import Glm4Renderer
from .rendering.glm4_0414 import Glm0414Renderer, RuminationRenderer, Z1Renderer
from .rendering.raw_tools import RawToolParser, as_function
from .reply import ParsedReply, StreamParser, parse_whole, split_controls

Forgets = Literal["never", "at the next user message", "at once"]
ParserFactory = Callable[[Sequence[ToolSpec], int, bool], StreamParser]


@dataclass(frozen=True, slots=True)
class Protocol:
    """A wire format.

    Attributes:
        name: The family.
        renderer: Makes the family's `Renderer` from a list of tools and the options.
        parser: Makes a parser from tools, the number of the first call, and `strict`.
        stops: The tokens at which a reply ends.
        markers: The other control tokens that mean something in a reply.
        controls: All control tokens that the format has; a model's vocabulary must hold them.
        options: What `render` is given unless told otherwise.
        silent: Makes a parser of replies that were asked for without thinking, where that is
            another one.
        forgets: When the format leaves a reply's thinking out; see `forgets_thinking`.
        why: What told that the model speaks it.
    """

    name: str
    renderer: Callable[..., rendering.Renderer]
    parser: ParserFactory
    stops: tuple[str, ...] = rendering.STOPS
    markers: tuple[str, ...] = ("<|assistant|>",)
    controls: tuple[str, ...] = rendering.CONTROLS
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    silent: ParserFactory | None = None
    forgets: Forgets = "never"
    why: str = ""

    @property
    def forgets_thinking(self) -> Forgets:
        """When a reply's thinking leaves the prompt, with these options.

        That is the one way in which a prompt changes where it does not grow (law 2). "at the next
        user message" rewrites the replies that had thinking when a user message comes after them;
        "at once" writes a reply anew as soon as it is in the transcript.
        """
        return "never" if self.options.get("keep_thinking") else self.forgets

    def render(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        *,
        add_generation_prompt: bool = True,
        **options: Any,
    ) -> Prompt:
        """The prompt that asks for the next reply. For options see the family's renderer."""
        renderer = self.renderer(tools, **{**self.options, **options})
        return rendering.render(renderer, messages, add_generation_prompt=add_generation_prompt)

    def builder(self, tools: Sequence[ToolSpec] = (), **options: Any) -> PromptBuilder:
        """The same, step by step: a step costs what its new messages cost."""
        return PromptBuilder(self.renderer(tools, **{**self.options, **options}))

    def having(self, **options: Any) -> Protocol:
        """This protocol with other options, such as `enable_thinking=False`.

        Raises:
            TypeError: The family has no such option.
        """
        options = {**self.options, **options}
        self.renderer((), **options)
        return replace(self, options=options)

    def stream_parser(
        self, tools: Sequence[ToolSpec] = (), first_call: int = 1, *, strict: bool = False
    ) -> StreamParser:
        """A parser for one reply; its calls are numbered from `first_call`.

        `strict` turns repairs off: what is not written exactly in the format is no call, or a call
        with an error. Evaluations want that.
        """
        silent = self.silent is not None and not self.options.get("enable_thinking", True)
        factory = self.silent if silent and self.silent else self.parser
        return factory(tools, first_call, strict)

    def parse(
        self,
        reply: str | Iterable[Piece],
        tools: Sequence[ToolSpec] = (),
        stop: str | None = None,
        truncated: bool = False,
        *,
        strict: bool = False,
    ) -> ParsedReply:
        """Parse a whole reply. A `str` is text whatever it spells; `split` reads it otherwise."""
        return parse_whole(self.stream_parser(tools, strict=strict), reply, stop, truncated)

    def split(self, text: str) -> list[Piece]:
        """Take the control tokens that a text-only server spelled out for real ones."""
        return split_controls(text, self.controls)


def _functions_only(
    tools: Sequence[ToolSpec], first_call: int = 1, strict: bool = False
) -> StreamParser:
    """GLM-4's parser, for a model that knows its raw tools as functions."""
    listed = [as_function(tool) for tool in tools]
    return RawToolParser(Glm4Parser(listed, first_call, strict), tools)


def _z1(tools: Sequence[ToolSpec], first_call: int = 1, strict: bool = False) -> StreamParser:
    inner = _functions_only(tools, first_call, strict)
    return ThinkingParser(inner, inside=True, spelled=True, strict=strict)


def _rumination(
    tools: Sequence[ToolSpec], first_call: int = 1, strict: bool = False
) -> StreamParser:
    inner = _functions_only(tools or rumination_text.TOOLS, first_call, strict)
    return ThinkingParser(inner, spelled=True, strict=strict)


def _xml45(tools: Sequence[ToolSpec], first_call: int = 1, strict: bool = False) -> StreamParser:
    return ThinkingParser(XmlParser45(tools, first_call, strict), strict=strict)


def _xml47(tools: Sequence[ToolSpec], first_call: int = 1, strict: bool = False) -> StreamParser:
    return ThinkingParser(XmlParser47(tools, first_call, strict), inside=True, strict=strict)


def _xml47_silent(
    tools: Sequence[ToolSpec], first_call: int = 1, strict: bool = False
) -> StreamParser:
    return ThinkingParser(XmlParser47(tools, first_call, strict), strict=strict)


_FAMILIES = {
    protocol.name: protocol
    for protocol in (
        Protocol("glm-4", Glm4Renderer, Glm4Parser),
        Protocol("glm-4-0414", Glm0414Renderer, _functions_only),
        Protocol("glm-z1", Z1Renderer, _z1, forgets="at once"),
        Protocol("glm-z1-rumination", RuminationRenderer, _rumination, forgets="at once"),
        Protocol(
            "glm-4.5",
            glm45.Glm45Renderer,
            _xml45,
            markers=glm45.MARKERS,
            controls=(*glm45.CONTROLS, glm45.NO_THINK.token),
            forgets="at the next user message",
        ),
        Protocol(
            "glm-4.7",
            glm45.Glm47Renderer,
            _xml47,
            silent=_xml47_silent,
            markers=glm45.MARKERS,
            controls=glm45.CONTROLS,
            forgets="at the next user message",
        ),
        Protocol(
            "glm-5",
            glm45.Glm5Renderer,
            _xml47,
            silent=_xml47_silent,
            markers=glm45.MARKERS,
            controls=glm45.CONTROLS,
            forgets="at the next user message",
        ),
    )
}


def protocol_for(hint: object, **options: Any) -> Protocol:
    """The protocol that a model speaks; its `why` says what told.

    Args:
        hint: A family's name (`glm-4`), which overrides all guessing; a model id or path; the
            text of a chat template; a loaded config (an object with `model_type`, or config.json
            as a mapping); a tokenizer (an object with `chat_template`, or tokenizer_config.json as
            a mapping); or a `Protocol`, which is given back.
        options: For its `render`; see `Protocol.having`.

    Raises:
        ConfigurationError: The family is not supported, or the hint does not tell one.
        TypeError: The family has no such option.
    """
    if isinstance(hint, Protocol):
        protocol = hint
    elif isinstance(hint, str | os.PathLike):
        protocol = _by_text(os.fsdecode(hint).strip())
    else:
        protocol = _by_model(hint)
    return protocol.having(**options) if options else protocol


def _by_text(text: str) -> Protocol:
    if text.lower() in _FAMILIES:
        return _family(text.lower(), f"it was asked for as {text!r}")
    if guess.is_template(text):
        family, why = guess.by_template(text)
        if family is None:
            raise ConfigurationError(
                f"this chat template is of no GLM family that is known; name it: {_supported()}"
            )
    else:
        family, why = guess.by_name(text)
        if family is None:
            raise ConfigurationError(
                f"cannot tell which GLM family {text!r} is; name it ({_supported()}) or pass its "
                "config"
            )
    return _family(family, why)


def _by_model(hint: object) -> Protocol:
    family, why = guess.by_model(hint)
    if family is None:
        reason = why or f"a {type(hint).__name__} without model_type or a known chat_template"
        raise ConfigurationError(
            f"cannot tell a GLM family from this: {reason}; name it: {_supported()}"
        )
    return _family(family, why)


def _family(name: str, why: str) -> Protocol:
    if name not in _FAMILIES:
        raise ConfigurationError(
            f"the wire format {name} is not supported ({why}); supported: {_supported()}"
        )
    return replace(_FAMILIES[name], why=why)


def _supported() -> str:
    return ", ".join(_FAMILIES)
