"""Our parser for others' servers: vLLM and SGLang.

Neither server knows GLM-4's own form of a call, a name, a newline and JSON. `vllm_tool_parser` and
`sglang_detector` teach it to them, and `glm4.jinja` is the chat template that goes with it, because
the checkpoint's own does not show the tools of a request to the model.

Does not do: anything for agents; those speak to a server in the wire format (`models`).
"""

from __future__ import annotations

from pathlib import Path

CHAT_TEMPLATE = Path(__file__).parent / "glm4.jinja"
"""The chat template for a server's `--chat-template`."""
