"""Questions answered from pages, with citations.

    python examples/03_research.py

`simple_browser` is GLM-4's browser: the model searches, clicks a result and quotes it. Here it
reads the pages that ship with glm-agent, about a town that does not exist, so no network is needed
and no model can know the answers by heart. `SimpleBrowserTool(pages="folder")` reads yours.
"""

import re

from glm_agent import Agent, RunResult


def quoted(result: RunResult) -> dict[str, str]:
    """The pages that the answer cites, by the number in its 【7†source】."""
    pages = {observation.metadata: observation.text for observation in result.observations}
    numbers = re.findall(r"【(\d+)†source】", result.answer)
    return {number: pages.get(f"quote_result [{number}†source]", "") for number in numbers}


def main() -> None:
    agent = Agent(tools=["simple_browser"])
    questions = ("When was the Halden Lighthouse completed?", "Who designed the Karsten Bridge?")
    for question in questions:
        result = agent.run_sync(question)
        print("you:   ", question)
        for call in result.calls:
            print("browse:", call.payload)
        print("model: ", result.answer)
        for number, page in quoted(result).items():
            print(f"source {number}:")
            for line in page.splitlines()[:4]:
                print("   |", line)
        print()


if __name__ == "__main__":
    main()
