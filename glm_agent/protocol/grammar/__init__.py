"""Grammars that hold a reply to the wire format and to the tools' schemas.

Does not do: masking tokens (`models.engine`), sending one to a server (`models.servers`).
"""

from .reply import AUTO, CHOICES, FAMILIES, NONE, REQUIRED, check_choice, grammar_of

__all__ = ["AUTO", "CHOICES", "FAMILIES", "NONE", "REQUIRED", "check_choice", "grammar_of"]
