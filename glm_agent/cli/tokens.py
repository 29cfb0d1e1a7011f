"""A number of tokens on the command line: `8192`, `32K`, `1M`.

Does not do: what it may be for a model.
"""

from __future__ import annotations

import re

import click

_NUMBER = re.compile(r"([0-9]{1,12})([km]?)", re.IGNORECASE | re.ASCII)
_FACTORS = {"": 1, "k": 1024, "m": 1024 * 1024}


class Tokens(click.ParamType[int]):
    """A whole number from 1 on; K counts 1,024 and M 1,048,576, as in a model's `128K`."""

    name = "tokens"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """The number. Fails as click does."""
        if isinstance(value, int):
            return value
        match = _NUMBER.fullmatch(value.strip())
        number = int(match[1]) * _FACTORS[match[2].lower()] if match else 0
        if number < 1:
            self.fail(f"{value!r} is no number of tokens; write 8192, 32K or 1M", param, ctx)
        return number
