"""A prompt as one string, for servers that take nothing better (law 1).

Such a server reads every spelled-out control token as a real one, whoever wrote it. So what text
spells is changed first, by blanks that a reader overlooks and a tokenizer does not: `<|user|>`
becomes `<| user |>`, `[gMASK]` becomes `[ gMASK ]`, `<sop>` becomes `< sop >`.

Does not do: prompts as token ids, in which text is safe as it is (`Prompt.encode`).
"""

from __future__ import annotations

import re

from ..protocol import Control, Prompt

# The form of all of GLM's role tokens, and the names of the other special tokens of GLM-4.
_SPELLED = re.compile(r"(<\|)([^\s<>|]{1,64})(\|>)|([<\[])([gs]?MASK|sop|eop)([>\]])")


def neutralise(text: str) -> str:
    """`text` with blanks in all control tokens that it spells."""
    return _SPELLED.sub(
        lambda found: " ".join(part for part in found.groups() if part is not None), text
    )


def spell(prompt: Prompt) -> str:
    """`prompt` as a string whose only control tokens are the renderer's and the model's own."""
    whole: list[str] = []
    text: list[str] = []
    for piece in prompt.flat():
        if isinstance(piece, Control):
            # Texts are joined first: a token may be spelled across two of them.
            whole += [neutralise("".join(text)), piece.token]
            text.clear()
        else:
            text.append(piece)
    return "".join([*whole, neutralise("".join(text))])
