"""`python -m glm_agent` is the command line."""

from .cli import main

main()
