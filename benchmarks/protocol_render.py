"""What a prompt costs at each step of a long run: built step by step, and rendered from scratch.

    python benchmarks/protocol_render.py [--tokenizer FOLDER] [--steps 1000] [--family glm-4]

A step is a function call and its result, rendered and encoded. Incremental is
`PromptBuilder.grow`, which gives a KV cache the new ids; so is the whole prompt from
`PromptBuilder.prompt().encode()`. From scratch is `Protocol.render().encode()`, measured at every
tenth step. Without `--tokenizer` (a folder with tokenizer.json) a small one is made. Times are CPU
times of one run.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from glm_agent.messages import Assistant, Generated, Message, Observation, ToolCall, ToolSpec, User
from glm_agent.protocol import PromptBuilder, Protocol, TokenizerEncoder, encoder_for, protocol_for

TOOL = ToolSpec(
    "get_weather",
    "查询天气",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
AROUND = 20  # steps that a figure is the median of


def tokenizer_of(folder: str | None, protocol: Protocol) -> TokenizerEncoder:
    """The encoder, with the family's control tokens added where the vocabulary lacks them."""
    if folder is not None:
        tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    else:
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(alphabet)}, []))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(protocol.controls))
    return encoder_for(tokenizer)


def step(number: int, protocol: Protocol, encoder: TokenizerEncoder) -> list[Message]:
    """A call as a model would have generated it, and about 400 characters of result."""
    call = ToolCall("call_1", "get_weather", '{"city": "北京"}', {"city": "北京"})
    plain = Assistant((call,))
    start = len(protocol.render([]).pieces)
    prompt = protocol.render([plain], add_generation_prompt=False)
    pieces = tuple(prompt.flat())[start:]
    ids = tuple(type(prompt)(pieces).encode(encoder))
    opening = protocol.render([]).opening
    generated = Generated(pieces, ids, encoder.vocabulary, protocol.name, opening)
    result = f"Result {number}: " + "晴，3 度。The sky is clear and the wind is light. " * 10
    return [Assistant((call,), generated=generated), Observation(result)]


def milliseconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description="Prompts: step by step, and from scratch.")
    parser.add_argument("--tokenizer")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--family", default="glm-4")
    options = parser.parse_args()
    protocol = protocol_for(options.family)
    encoder = tokenizer_of(options.tokenizer, protocol)
    growing, whole = protocol.builder([TOOL]), protocol.builder([TOOL])
    transcript: list[Message] = [User("北京天气")]
    growing.extend(transcript)
    whole.extend(transcript)
    followed: list[int] = list(growing.grow(encoder).ids)
    times: dict[str, dict[int, float]] = {"grow": {}, "prompt": {}, "scratch": {}}
    for number in range(1, options.steps + 1):
        new = step(number, protocol, encoder)
        transcript.extend(new)

        def grow(builder: PromptBuilder = growing, new: list[Message] = new) -> None:
            builder.extend(new)
            growth = builder.grow(encoder)
            del followed[growth.kept :]
            followed.extend(growth.ids)

        def prompt(builder: PromptBuilder = whole, new: list[Message] = new) -> list[int]:
            builder.extend(new)
            return builder.prompt().encode(encoder)

        times["grow"][number] = milliseconds(grow)
        times["prompt"][number] = milliseconds(prompt)
        if number % max(1, options.steps // 100) == 0:
            ids: list[int] = []
            times["scratch"][number] = milliseconds(
                lambda ids=ids: ids.extend(protocol.render(transcript, [TOOL]).encode(encoder))
            )
            if ids != followed:
                raise RuntimeError(f"step {number}: the ids differ")
    report(times, options.steps, len(followed))


def report(times: dict[str, dict[int, float]], steps: int, tokens: int) -> None:
    print(f"{steps} steps, {tokens} tokens at the end; milliseconds of CPU a step")
    print(f"{'at':>6} {'grow':>9} {'prompt':>9} {'from scratch':>13}")
    for share in (10, 50, 100):
        at = steps * share // 100

        def around(kind: str, at: int = at) -> float:
            near = [ms for number, ms in times[kind].items() if abs(number - at) <= AROUND]
            return statistics.median(near or times[kind].values())

        print(f"{share:5}% {around('grow'):9.3f} {around('prompt'):9.3f} {around('scratch'):13.3f}")
    grow, prompt = sum(times["grow"].values()), sum(times["prompt"].values())
    scratch = statistics.mean(times["scratch"].values()) * steps
    print(
        f"all steps: grow {grow:.0f} ms, prompt {prompt:.0f} ms, from scratch {scratch:.0f} ms "
        f"(from the steps measured): {scratch / grow:.0f} and {scratch / prompt:.0f} times"
    )


if __name__ == "__main__":
    main()
