"""Reads what a docstring says about a function: its first paragraph and its parameters.

Google, NumPy and Sphinx styles, told apart by their headings and parsed by griffelib.

Does not do: types from docstrings; the hints of the signature are what counts.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

_NUMPY = re.compile(r"^[ \t]*(?:Other )?Parameters[ \t]*\n[ \t]*-{3,}[ \t]*$", re.MULTILINE)
_SPHINX = re.compile(
    r"^[ \t]*:(?:param|parameter|arg|argument|key|keyword)\s[^:\n]*:", re.MULTILINE
)
_GOOGLE = re.compile(
    r"^(?P<heading>(?:Args|Arguments|Params|Parameters|Keyword Args|Keyword Arguments|"
    r"Other Parameters|Returns|Raises|Yields|Examples?|Notes?):)[ \t]*$",
    re.MULTILINE,
)
_WIDE = re.compile(r"[　-鿿豈-﫿＀-￯]")


@dataclass(frozen=True, slots=True)
class Documentation:
    """What a docstring says: a description, and one for each parameter that it names."""

    summary: str = ""
    parameters: dict[str, str] = field(default_factory=dict[str, str])


def read_docstring(text: str | None) -> Documentation:
    """Parse a docstring of any of the three styles; a text in none of them is all description."""
    text = inspect.cleandoc(text or "").strip()
    if not text:
        return Documentation()
    sphinx, numpy = _SPHINX.search(text), _NUMPY.search(text)
    if not (sphinx or numpy or _GOOGLE.search(text)):
        return Documentation(first_paragraph(text))

    import griffe  # costs 80 ms, and a docstring without sections does not need it

    if numpy:
        sections = griffe.Docstring(text).parse("numpy", warnings=False)
    elif sphinx:
        sections = griffe.Docstring(text).parse("sphinx", warnings=False)
    else:
        # griffe wants a blank line before a heading; people forget it.
        spaced = _GOOGLE.sub(r"\n\g<heading>", text)
        sections = griffe.Docstring(spaced).parse("google", warnings=False)

    summary = ""
    parameters: dict[str, str] = {}
    for section in sections:
        if isinstance(section, griffe.DocstringSectionText):
            summary = summary or first_paragraph(section.value)
        elif isinstance(
            section, griffe.DocstringSectionParameters | griffe.DocstringSectionOtherParameters
        ):
            for parameter in section.value:
                if parameter.description:
                    name = parameter.name.lstrip("*")
                    parameters.setdefault(name, one_line(parameter.description))
    return Documentation(summary, parameters)


def first_paragraph(text: str) -> str:
    """The text up to the first blank line, on one line."""
    return one_line(re.split(r"\n\s*\n", text.strip(), maxsplit=1)[0])


def one_line(text: str) -> str:
    """Wrapped lines joined: by a space, or by nothing between two Chinese characters."""
    joined = ""
    for line in filter(None, (line.strip() for line in text.splitlines())):
        wide = joined and _WIDE.match(joined[-1]) and _WIDE.match(line[0])
        joined += line if wide or not joined else f" {line}"
    return joined
