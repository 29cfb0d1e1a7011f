"""GLM's wire formats: a transcript rendered, a reply parsed while it streams.

    protocol = protocol_for("glm-4")
    prompt = protocol.render(messages, tools)
    reply = protocol.parse(text, tools, stop="<|observation|>")

`families` holds the table of formats and `guess` tells which one a model speaks; `rendering` writes
prompts, `parsing` reads replies, `arguments` mends payloads, `grammar` holds a model to the format.

Pure functions over `glm_agent.messages`: no I/O, no torch. Does not do: talking to models.
"""

from ..messages import Control
from .encoding import Decoder, TokenizerEncoder, UnknownControlError, encoder_for
from .families import Protocol, protocol_for
from .prompt import Encoder, Prompt
from .rendering.builder import Growth, PromptBuilder
from .reply import ControlSplitter, ParsedReply, StreamParser, split_controls

__all__ = [
    "Control",
    "ControlSplitter",
    "Decoder",
    "Encoder",
    "Growth",
    "ParsedReply",
    "Prompt",
    "PromptBuilder",
    "Protocol",
    "StreamParser",
    "TokenizerEncoder",
    "UnknownControlError",
    "encoder_for",
    "protocol_for",
    "split_controls",
]
