"""A function as a tool.

    python examples/01_weather.py

The type hints and the docstring are all that the model is told about the function: it picks it by
its description and copies the city out of the question.
"""

from glm_agent import Agent, ToolError, tool

# Where a real tool would ask a weather service.
WEATHER = {"Bonn": (21, "cloudy"), "Lisbon": (27, "clear"), "Oslo": (-3, "snowy")}


@tool
def get_weather(city: str) -> dict[str, object]:
    """Returns the current weather in a city.

    Args:
        city: Name of the city.
    """
    if city not in WEATHER:
        # The text goes to the model, not to you: it can tell the user or try something else.
        raise ToolError(f"There is no weather station in {city}.")
    temperature, sky = WEATHER[city]
    return {"temperature": temperature, "sky": sky}


def main() -> None:
    agent = Agent(tools=[get_weather])
    for question in (
        "What is the weather in Bonn?",
        "What's the weather like in Oslo?",
        "What is the weather in Atlantis?",
    ):
        result = agent.run_sync(question)
        print("you:  ", question)
        for call, observation in zip(result.calls, result.observations, strict=True):
            print("call: ", call.name, call.payload)
            print("saw:  ", observation.text, f"({observation.outcome})")
        print("model:", result.answer, end="\n\n")


if __name__ == "__main__":
    main()
