"""Roman numerals as a tool.

An entry point is a tool, as here, or something that makes one: a function or a subclass of
`glm_agent.Tool` whose parameters are the settings that a YAML file may give.
"""

from typing import Annotated

from pydantic import Field

from glm_agent import tool

_LETTERS = {
    1000: "M", 900: "CM", 500: "D", 400: "CD", 100: "C", 90: "XC",
    50: "L", 40: "XL", 10: "X", 9: "IX", 5: "V", 4: "IV", 1: "I",
}  # fmt: skip


@tool
def roman_numeral(number: Annotated[int, Field(ge=1, le=3999)]) -> str:
    """Writes a number as a Roman numeral.

    Args:
        number: The number to write.
    """
    written = ""
    for value, letters in _LETTERS.items():
        count, number = divmod(number, value)
        written += letters * count
    return written
