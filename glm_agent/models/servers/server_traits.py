"""What is learnt about a model server, shared by all requests to it.

Does not do: asking for replies (`completions.py`, `chat.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from .transport import Transport

GRAMMAR_SERVERS = ("vllm", "sglang")
"""The servers that take a grammar, by the owner that their list of models names."""


@dataclass(slots=True)
class ServerTraits:
    """What was learnt about a server, shared by all requests to it.

    `model` is what to ask for, None to leave it to the server. `names` is what it offers. `way`
    is which of the ways to write a request it took, None before the first. `kind` is `vllm`,
    `sglang` or `other`, empty before it is known; `takes_grammar` turns False when one is refused.
    """

    model: str | None = None
    guessed: bool = False
    asked: bool = False
    names: tuple[str, ...] = ()
    way: tuple[bool, int] | None = None
    kind: str = ""
    takes_grammar: bool = True

    async def find_model(self, transport: Transport) -> None:
        """Ask the server for its models, once, unless the user named one."""
        if self.model is None and not self.asked:
            await self._ask(transport)
            if len(self.names) == 1:
                self.model, self.guessed = self.names[0], True

    async def find_kind(self, transport: Transport) -> None:
        """Ask the server what it is, once, unless the user or its list of models told."""
        if not self.kind and not self.asked:
            await self._ask(transport)
        self.kind = self.kind or "other"

    async def _ask(self, transport: Transport) -> None:
        found = await transport.owned_models()
        self.asked = True
        self.names = tuple(name for name, _ in found)
        owners = {owner.lower() for _, owner in found}
        if not self.kind:
            self.kind = next((kind for kind in GRAMMAR_SERVERS if kind in owners), "")

    def hint(self) -> str:
        """What the user could do about a request that failed."""
        if self.guessed or not self.names:
            return ""
        return f"; its models: {', '.join(self.names[:8])} (name one with model=)"
