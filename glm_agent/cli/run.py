"""`glm-agent run`: one prompt, one answer.

Does not do: conversations (`chat.py`), showing events (`render.py`, `jsonl.py`).
"""

from __future__ import annotations

import sys
import traceback
from typing import Any

import click

from .failures import Reported, Terminated, debugging, failure
from .options import AgentOptions, agent_options
from .pipe import watched
from .text import well_formed


@click.command()
@click.argument("prompt")
@agent_options
@click.option("--json", "as_json", is_flag=True, help="Print one event a line, as JSON.")
def run(prompt: str, as_json: bool, **options: Any) -> None:
    """Answer PROMPT, calling tools where they help. "-" reads it from standard input.

    \b
    Examples:
      glm-agent run "What is 37 * 43?"
      glm-agent run "Is it raining in Bonn?" --tools weather.yaml
      glm-agent run - --model http://127.0.0.1:8000/v1 --json < question.txt
    """  # noqa: D301 - click wants the control character
    from .jsonl import JsonLines

    if prompt == "-":
        prompt = sys.stdin.read()
    if not as_json:
        from .render import live_output

        agent = AgentOptions(**options).agent()
        with (
            agent.session_sync() as session,
            live_output(sys.stdout) as live,
            watched(sys.stdout),
        ):
            session.run(well_formed(prompt), on_event=live.show)
        return
    output = JsonLines(sys.stdout)
    try:
        agent = AgentOptions(**options).agent()
        with agent.session_sync() as session, watched(sys.stdout):
            session.run(well_formed(prompt), on_event=output.show)
    except BrokenPipeError:
        raise
    except (Exception, KeyboardInterrupt, Terminated) as error:
        if debugging():
            traceback.print_exception(error)
        told = failure(error)
        output.fail(told)
        raise Reported(told) from error
