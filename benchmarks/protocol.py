"""What parsing costs: a reply of 1 MB fed token by token, ours against parsing all of it each time.

    python benchmarks/protocol.py [MEGABYTES]

The other way is that of GLM-4's demo server, written anew from its description: at every token,
take the whole text so far, split it into lines, see whether the first is a tool's name and the
second begins an object, and try to read that as JSON. Its time grows with the square of the reply,
so it is timed on short replies and extrapolated; the lines say which numbers are.

Tokens are those of glm-4-9b-chat's tokenizer if ../shared has it, else of the embedded model's.
Decoding them is left out on both sides, and times are CPU times of one run. The render half is benchmarks/protocol_render.py.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from glm_agent.messages import Piece, ToolSpec
from glm_agent.protocol import Decoder, encoder_for, protocol_for

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "glm4" / "tokenizer" / "tokenizer.json"
EMBEDDED = ROOT / "glm_agent" / "models" / "embedded" / "tokenizer.json"
TOOLS = (ToolSpec("save_note", parameters={"type": "object"}), ToolSpec("get_weather"))
SENTENCES = (
    "北京今天的天气很好，气温是二十一度。",
    "The answer is 42, as it always was; see [1] and {a: b}.\n",
    'She said "hello", and left.\n\n',
    "- `get_weather` takes a city\n",
)
SHORT = (16_384, 32_768, 65_536)  # characters, for the quadratic way


def text_of(size: int) -> str:
    """Prose of `size` bytes or a little more, of which no two parts are alike."""
    parts: list[str] = []
    length = 0
    while length < size:
        part = f"{len(parts)}. {SENTENCES[len(parts) % len(SENTENCES)]}"
        parts.append(part)
        length += len(part.encode())
    return "".join(parts)


def call_of(size: int) -> str:
    """One call whose argument is such prose."""
    return "save_note\n" + json.dumps({"text": text_of(size)}, ensure_ascii=False)


REPLIES: dict[str, Callable[[int], str]] = {
    "one call": call_of,
    "an answer": lambda size: "\n" + text_of(size),
}


def tokens_of(text: str, tokenizer: Tokenizer) -> list[Piece]:
    """The reply as a model would give it: what each token adds to the text."""
    decoder = Decoder(tokenizer)
    pieces: list[Piece] = []
    for id_ in encoder_for(tokenizer).text(text):
        pieces += decoder.feed([id_])
    return pieces + decoder.close()


def ours(tokens: Sequence[Piece]) -> tuple[float, list[float]]:
    """Seconds for all, and the seconds that each hundredth of the tokens took."""
    parser = protocol_for("glm-4").stream_parser(TOOLS)
    step = max(1, len(tokens) // 100)
    parts: list[float] = []
    total = 0.0
    for start in range(0, len(tokens), step):
        begun = time.process_time()
        for piece in tokens[start : start + step]:
            parser.feed(piece)
        taken = time.process_time() - begun
        total += taken
        parts.append(taken / len(tokens[start : start + step]))
    begun = time.process_time()
    parser.close("<|observation|>")
    return total + time.process_time() - begun, parts


def reparse(tokens: Sequence[Piece]) -> float:
    """Seconds to parse all of the text at each token."""
    names = {tool.name for tool in TOOLS}
    begun = time.process_time()
    text = ""
    for piece in tokens:
        text += str(piece)
        lines = text.strip().split("\n")
        if len(lines) >= 2 and lines[1].startswith("{") and lines[0].strip() in names:
            try:
                json.loads("\n".join(lines[1:]))
            except ValueError:
                continue
    return time.process_time() - begun


def main() -> None:
    size = round(float(sys.argv[1]) * 1e6) if len(sys.argv) > 1 else 1_000_000
    path = REAL if REAL.is_file() else EMBEDDED
    tokenizer = Tokenizer.from_file(str(path))
    print(f"tokenizer: {'glm-4-9b-chat' if path == REAL else 'the embedded model'}'s")
    for name, reply in REPLIES.items():
        tokens = tokens_of(reply(size), tokenizer)
        seconds, parts = ours(tokens)
        print(f"\n{name}, {size / 1e6:g} MB in {len(tokens):,} tokens")
        print(f"  ours: {seconds:.2f} s, {seconds / len(tokens) * 1e6:.2f} µs a token")
        shown = [statistics.median(parts[max(0, at - 5) : at]) * 1e6 for at in (10, 50, 100)]
        print(
            "  ours, a token at 10, 50, 100 %: "
            + ", ".join(f"{part:.2f}" for part in shown)
            + " µs"
        )
        taken = 0.0
        short: list[Piece] = []
        for characters in SHORT:
            short = tokens_of(reply(characters), tokenizer)
            taken = reparse(short)
            own, _ = ours(short)
            print(
                f"  all of it at each token: {taken:.2f} s for {len(short):,} tokens,"
                f" {taken / own:,.0f} times ours for as many"
            )
        guess = taken * (len(tokens) / len(short)) ** 2
        print(
            f"  extrapolated with the square to {len(tokens):,} tokens:"
            f" {guess:,.0f} s, {guess / seconds:,.0f} times ours (not run)"
        )


if __name__ == "__main__":
    main()
