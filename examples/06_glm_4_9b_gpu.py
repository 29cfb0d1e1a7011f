"""GLM-4-9B-Chat on a GPU, with all three kinds of tools.

    python examples/06_glm_4_9b_gpu.py [FOLDER]

FOLDER holds the weights of `zai-org/glm-4-9b-chat-hf`; without it they are looked for in the local
hub cache, and downloaded to it (about 19 GB) where the hub can be reached. Where there is no GPU
that can hold the model, this says what is needed and stops. The weights have a licence of their
own.
"""

import sys

from glm_agent import Agent, GlmAgentError, TransformersModel, tool
from glm_agent.events import CallReady, Event, Observed, TextDelta

MODEL = "zai-org/glm-4-9b-chat-hf"
# 9.4 billion parameters at two bytes each; 40 layers x 2 heads x 128 numbers, keys and values.
WEIGHTS = 9.4e9 * 2
KV_PER_TOKEN = 2 * 40 * 2 * 128 * 2
CONTEXT = 8192
NEEDED = WEIGHTS + KV_PER_TOKEN * CONTEXT + 1e9  # and a gigabyte for all else

NEEDS = f"""\
{MODEL} needs
  - a CUDA GPU with about {NEEDED / 1e9:.0f} GB of free memory: {WEIGHTS / 1e9:.1f} GB of weights
    in bfloat16, {KV_PER_TOKEN * CONTEXT / 1e9:.1f} GB for {CONTEXT:,} tokens, room to work
  - a torch built for CUDA
  - its weights, about 19 GB on disk: in the hub cache, or in a folder named on the command line
A server will do as well: glm-agent run --model http://HOST:PORT/v1 "...\""""


@tool
def convert_currency(amount: float, source: str, target: str) -> float:
    """Converts an amount of money between currencies.

    Args:
        amount: How much.
        source: The currency to convert from, as an ISO 4217 code.
        target: The currency to convert to, as an ISO 4217 code.
    """
    euros = {"EUR": 1.0, "USD": 0.92, "CNY": 0.13}  # a real tool would ask a bank
    return round(amount * euros[source] / euros[target], 2)


def missing() -> str:
    """What stands in the way, or nothing."""
    try:
        import torch
    except ImportError:
        return "torch is not installed: pip install 'glm-agent[local]'"
    if not torch.cuda.is_available():
        return "there is no CUDA device here"
    free, _ = torch.cuda.mem_get_info()
    if free < NEEDED:
        return f"the GPU has {free / 1e9:.1f} GB free"
    return ""


def show(event: Event) -> None:
    if isinstance(event, CallReady):
        print(f"\n[{event.call.name}] {event.call.payload}")
    elif isinstance(event, Observed):
        print(f"[observation] {event.observation.text[:500]}")
    elif isinstance(event, TextDelta):
        print(event.text, end="", flush=True)


def main() -> int:
    if reason := missing():
        print(f"Not run: {reason}.\n{NEEDS}")
        return 0
    model = TransformersModel(sys.argv[1] if len(sys.argv) > 1 else MODEL, device="cuda")
    agent = Agent(model, tools=[convert_currency, "python", "simple_browser"])
    try:
        for question in (
            "How much are 250 dollars in euros?",
            "Plot sin(x)/x from -20 to 20 and tell me where its first three positive zeros are.",
            "Who designed the Karsten Bridge, and when was it opened? Cite your source.",
            "100 欧元是多少人民币?",
        ):
            print(f"\n\nyou: {question}\nmodel: ", end="")
            agent.run_sync(question, on_event=show)
    except GlmAgentError as error:
        print(f"\n{error}\n{NEEDS}", file=sys.stderr)
        return 3
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
