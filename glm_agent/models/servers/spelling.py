"""A prompt as one string, for servers that take nothing better (law 1).

Such a server reads every spelled-out control token as a real one, whoever wrote it. So what text
spells is changed first, by blanks that a reader overlooks and a tokenizer does not: `<|user|>`
becomes `<| user |>`, `[gMASK]` becomes `[ gMASK ]`, `<sop>` becomes `< sop >`. The markers of the
later families (`<tool_call>`, `</think>`, `/nothink`) are changed where the model has them as
control tokens: `< tool_call >`, `< /think >`, `/ nothink`.

Does not do: prompts as token ids, in which text is safe as it is (`Prompt.encode`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from ...protocol import Control, Prompt

# The form of all of GLM's role tokens, and the names of the other special tokens of GLM-4.
_SPELLED = re.compile(r"(<\|)([^\s<>|]{1,64})(\|>)|([<\[])([gs]?MASK|sop|eop)([>\]])")


def neutralise(text: str, controls: Sequence[str] = ()) -> str:
    """`text` with blanks in all control tokens that it spells.

    `controls` are the model's; without them, role tokens and those of GLM-4 are known.
    """
    text = _SPELLED.sub(
        lambda found: " ".join(part for part in found.groups() if part is not None), text
    )
    markers = _markers(tuple(controls))
    return text if markers is None else markers.sub(lambda found: _apart(found[0]), text)


@cache
def _markers(controls: tuple[str, ...]) -> re.Pattern[str] | None:
    """What finds the control tokens that are of no general form."""
    rest = [token for token in controls if not _SPELLED.fullmatch(token)]
    return re.compile("|".join(map(re.escape, rest))) if rest else None


def _apart(token: str) -> str:
    if token.startswith("<") and token.endswith(">"):
        return f"< {token[1:-1]} >"
    return f"{token[:1]} {token[1:]}"


def spell(prompt: Prompt, controls: Sequence[str] = ()) -> str:
    """`prompt` as a string whose only control tokens are the renderer's and the model's own.

    `controls` are all that the model has.
    """
    whole: list[str] = []
    text: list[str] = []
    for piece in prompt.flat():
        if isinstance(piece, Control):
            # Texts are joined first: a token may be spelled across two of them.
            whole += [neutralise("".join(text), controls), piece.token]
            text.clear()
        else:
            text.append(piece)
    return "".join([*whole, neutralise("".join(text), controls)])
