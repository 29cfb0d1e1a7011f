"""The `glm-agent` command: its subcommands, and what becomes of exceptions.

Does not do: the subcommands themselves.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO, cast

import click

from .._version import __version__
from ..errors import RegistryError
from .chat import chat
from .failures import Failure, Reported, Terminated, debugging, failure
from .models import models
from .plugins import Commands
from .run import run as run_command
from .text import visible
from .tools import tools

_COMPLETE = "_GLM_AGENT_COMPLETE"


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="glm-agent", message="%(prog)s %(version)s")
def group() -> None:
    """The agent framework for GLM-4: functions, Python and a browser on your own model.

    Try: glm-agent run "What is 37 * 43?"

    \b
    Exit codes: 0 answered, 2 wrong usage or configuration, 3 the run failed
    or hit a limit, 130 interrupted. GLM_AGENT_DEBUG=1 shows tracebacks.
    """  # noqa: D301 - click wants the control character


for _command in (run_command, chat, tools, models):
    group.add_command(_command)


def run(arguments: Sequence[str]) -> int:
    """Carry out a command line without the program's name; the exit code."""
    _prepare_streams()
    _on_terminate()
    warnings.showwarning = _show_warning
    try:
        code = _invoke(list(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more when it ends, which must have somewhere to go.
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return 141
    return code


def _invoke(arguments: list[str]) -> int:
    try:
        # Not group.main(): it takes an interruption and a broken pipe into its own hands.
        if os.environ.get(_COMPLETE):
            from click.shell_completion import shell_complete

            return shell_complete(group, {}, "glm-agent", _COMPLETE, os.environ[_COMPLETE])
        with group.make_context("glm-agent", arguments) as context:
            group.invoke(context)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except Reported as reported:
        return reported.failure.code
    except BrokenPipeError:
        raise
    except (KeyboardInterrupt, click.Abort) as error:
        return _tell(KeyboardInterrupt(), failure(KeyboardInterrupt()), error)
    except (Exception, Terminated) as error:  # noqa: BLE001 - no traceback is for users
        return _tell(error, failure(error), error)
    return 0


def _tell(error: BaseException, told: Failure, cause: BaseException) -> int:
    if debugging():
        traceback.print_exception(cause)
    if isinstance(error, RegistryError):
        print(visible(told.message), file=sys.stderr)  # noqa: T201 - a line for each problem
    else:
        line = " ".join(visible(told.message).split())
        print(f"error: {line}", file=sys.stderr)  # noqa: T201
    return told.code


def _prepare_streams() -> None:
    """UTF-8 whatever the locale says, and somewhere to write to where there is nothing."""
    for name in ("stdin", "stdout", "stderr"):
        stream = cast("TextIO | None", getattr(sys, name))
        if stream is None:
            mode = "r" if name == "stdin" else "w"
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - until we end
            setattr(sys, name, nowhere)
        else:
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                errors = "replace" if name == "stdin" else "backslashreplace"
                reconfigure(encoding="utf-8", errors=errors)


def _show_warning(  # noqa: PLR0917 - as `warnings` calls it
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning in one line, like errors, instead of with a piece of source code."""
    text = " ".join(visible(str(message)).split())
    print(f"warning: {text}", file=sys.stderr)  # noqa: T201


def _on_terminate() -> None:
    """Make SIGTERM and SIGHUP come down as Ctrl-C does: kernels are closed on the way."""

    def terminate(number: int, frame: FrameType | None) -> NoReturn:
        signal.signal(number, signal.SIG_IGN)
        raise Terminated(number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # Under nohup, SIGHUP is ignored and stays so.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, terminate)
