"""The command line, `glm-agent`."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line on `sys.argv`; the exit codes are those of `failures.py`."""
    from .app import run

    sys.exit(run(sys.argv[1:]))
