"""Questions about numbers, answered by running Python.

    python examples/02_data_analysis.py

The code runs in a Jupyter kernel that belongs to the session: variables and files stay from call
to call. There is NO ISOLATION yet: the code can do what you can do.

The first half is the embedded model's own work. It writes one-line Python and no more, so the
second half, a table and a plot, replays replies that were written by hand in GLM-4's wire format.
Only the model is replaced there: the replies are parsed, the code runs and the kernel answers for
real. Name a model that can write such code, and it does the second half itself:

    GLM_AGENT_MODEL=zai-org/glm-4-9b-chat-hf python examples/02_data_analysis.py
"""

import os
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from glm_tools.python import PythonTool

from glm_agent import Agent, Message, ScriptedModel
from glm_agent.events import CallReady, Event, Observed

RAINFALL = """\
month,Bergen,Lisbon
Jan,255,127
Apr,140,78
Jul,168,6
Oct,284,107
"""

LOAD = """\
python
import pandas as pd

rain = pd.read_csv("rainfall.csv", index_col="month")
rain.mean()"""

PLOT = """\
python
axes = rain.plot.bar(rot=0)
axes.set_ylabel("mm")
axes.figure.savefig("rainfall.png")
print("wettest:", rain["Bergen"].idxmax())"""


def show(event: Event) -> None:
    if isinstance(event, CallReady):
        print(f"\n[{event.call.name}]\n{event.call.payload}")
    elif isinstance(event, Observed):
        picture = " with a picture" if event.observation.images else ""
        print(f"[observation{picture}]\n{event.observation.text}")


def conclude(messages: Sequence[Message]) -> str:
    """The last replayed reply, which takes what it says from the observation."""
    seen = messages[-1]
    assert seen.role == "observation"
    month = seen.text.split("wettest: ")[1].split()[0]
    return f"\nBergen gets more rain, most of it in {month}. The plot is in rainfall.png."


def main() -> None:
    agent = Agent(tools=["python"])
    for question in ("What is the average of 255, 140, 168 and 284?", "What is 37 * 43?"):
        print("\nyou:", question)
        print("model:", agent.run_sync(question, on_event=show).answer)

    if not (find_spec("matplotlib") and find_spec("pandas")):
        print("\nThe second half needs pandas and matplotlib: pip install 'glm-agent[science]'")
        return
    model = os.environ.get("GLM_AGENT_MODEL") or ScriptedModel([LOAD, PLOT, conclude])
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "rainfall.csv").write_text(RAINFALL, encoding="utf-8")
        analyst = Agent(model, tools=[PythonTool(folder=folder)])
        question = "Compare the cities in rainfall.csv and plot them to rainfall.png."
        print("\nyou:", question)
        print("model:", analyst.run_sync(question, on_event=show).answer)
        drawn = Path(folder, "rainfall.png")
        if not drawn.exists():
            print("no plot was saved")
            return
        plot = drawn.read_bytes()
    Path("rainfall.png").write_bytes(plot)
    print(f"saved rainfall.png, {len(plot):,} bytes")


if __name__ == "__main__":
    main()
