"""The command line, `glm-agent`."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line on `sys.argv`; the exit codes are those of `failures.py`."""
    try:
        from .app import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:  # before or after anything ran
        code = 130
    sys.exit(code)
