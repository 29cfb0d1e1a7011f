"""`glm-agent models`: what models are at hand, and what they are.

Does not do: loading weights.
"""

from __future__ import annotations

import click


@click.group()
def models() -> None:
    """List and describe models."""
