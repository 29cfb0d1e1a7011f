"""`glm-agent run`: what it prints, its exit codes, and how it comes down."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from .conftest import COMMAND, CommandLine, Server, events, kinds

TOOLS = '''
import pathlib, time

def get_weather(city: str) -> str:
    """Current weather in a city.

    Args:
        city: its name.
    """
    return f"22 degrees in {city}"

def many(count: int) -> str:
    """Many lines.

    Args:
        count: how many.
    """
    return "\\n".join(f"line {n}" for n in range(count))

def nasty() -> str:
    """A page that talks to the terminal."""
    return "\\x1b]0;owned\\x07\\x1b[2Jcl\\x1b[31mean\\u202e"

def sleep() -> str:
    """Sleep for ever."""
    pathlib.Path("asleep").write_text("yes")
    time.sleep(3600)
    return ""
'''

CALL = 'get_weather\n{"city": "Köln"}<|observation|>'
ANSWER = "\nIt is 22 degrees.<|user|>"


@pytest.fixture
def registry(cli: CommandLine) -> str:
    (cli.folder / "weather.py").write_text(TOOLS, encoding="utf-8")
    names = ("get_weather", "many", "nasty", "sleep")
    lines = "".join(f"  - python: weather:{name}\n" for name in names)
    (cli.folder / "tools.yaml").write_text(f"tools:\n{lines}", encoding="utf-8")
    return "tools.yaml"


# ── JSON ──────────────────────────────────────────────────────────────────────────────────────


def test_json_prints_the_events_line_by_line(cli: CommandLine, server: Server, registry: str):
    server.replies = [CALL, ANSWER]
    done = cli.run("run", "Weather?", "--tools", registry, "--model", server.url, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    records = events(done.stdout)
    assert kinds(records) == ["call", "observation", "text", "answer", "usage"]
    call, observation, *texts, answer, usage = records
    assert call == {
        "type": "call",
        "id": "call_1",
        "name": "get_weather",
        "arguments": {"city": "Köln"},
    }
    assert observation == {
        "type": "observation",
        "call_id": "call_1",
        "name": "get_weather",
        "outcome": "ok",
        "metadata": "",
        "text": "22 degrees in Köln",
    }
    assert "".join(text["text"] for text in texts) == answer["text"] == "It is 22 degrees."
    assert set(usage) == {
        "type",
        "steps",
        "prompt_tokens",
        "cached_tokens",
        "computed_tokens",
        "completion_tokens",
        "seconds",
    }
    assert (usage["steps"], usage["prompt_tokens"]) == (2, 200)
    assert "Köln" in done.stdout


def test_a_call_that_takes_raw_text_has_content(cli: CommandLine, server: Server):
    server.replies = ["python\nprint(37 * 43)<|observation|>", ANSWER]
    done = cli.run("run", "37*43?", "--tool", "python", "--model", server.url, "--json")
    call, observation = events(done.stdout)[:2]
    assert call == {"type": "call", "id": "call_1", "name": "python", "content": "print(37 * 43)"}
    assert observation["outcome"] == "ok"
    assert observation["text"].strip() == "1591"


def test_a_failure_is_the_last_json_line(cli: CommandLine, server: Server, registry: str):
    server.replies = [CALL, CALL]
    done = cli.run(
        "run", "Hi", "--tools", registry, "--model", server.url, "--json", "--max-steps", "2"
    )
    assert done.returncode == 3
    last = events(done.stdout)[-1]
    assert (last["type"], last["kind"]) == ("error", "limit")
    assert "--max-steps" in last["message"]


def test_json_holds_no_control_characters(cli: CommandLine, server: Server, registry: str):
    server.replies = ["nasty\n{}<|observation|>", "\n\x9b2J\u2028\x1b[2J<|user|>"]
    done = cli.run("run", "Hi", "--tools", registry, "--model", server.url, "--json")
    assert not set(done.stdout) & {"\x1b", "\x9b", "\u2028", "\x07"}
    assert events(done.stdout)[-2]["text"] == "\x9b2J\u2028\x1b[2J"


# ── plain output ──────────────────────────────────────────────────────────────────────────────


def test_plain_output_reads_from_top_to_bottom(cli: CommandLine, server: Server, registry: str):
    server.replies = [CALL, ANSWER]
    done = cli.run("run", "Weather?", "--tools", registry, "--model", server.url)
    assert done.returncode == 0
    *lines, last = done.stdout.splitlines()
    assert lines == [
        '> get_weather(city="Köln")',
        "  < 22 degrees in Köln",
        "",
        "It is 22 degrees.",
        "",
    ]
    assert last.startswith("2 steps · 200 prompt + ")
    assert last.endswith(" s")


def test_long_observations_are_folded(cli: CommandLine, server: Server, registry: str):
    server.replies = ['many\n{"count": 500}<|observation|>', ANSWER]
    done = cli.run("run", "Hi", "--tools", registry, "--model", server.url)
    assert "… 490 more lines" in done.stdout
    assert "line 9\n" in done.stdout
    assert "line 10\n" not in done.stdout


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_nothing_that_a_terminal_obeys_is_printed(
    cli: CommandLine, server: Server, registry: str, options: tuple[str, ...]
):
    server.replies = ["nasty\n{}<|observation|>", "\nA\x1b[2J\x07B\x9b3m<|user|>"]
    done = cli.run("run", "Hi", "--tools", registry, "--model", server.url, *options)
    assert done.returncode == 0
    assert not [char for char in done.stdout if char < " " and char not in "\n\t"]
    assert not [char for char in done.stdout if "\x7f" <= char <= "\x9f"]
    if not options:
        assert "clean" in done.stdout


@pytest.mark.parametrize("locale", ["C", "POSIX", "de_DE.ISO-8859-1"])
def test_output_is_utf_8_in_every_locale(
    cli: CommandLine, server: Server, registry: str, locale: str
):
    server.replies = ["\n你好<|user|>"]
    done = cli.run(
        *("run", "Grüße", "--tools", registry, "--model", server.url),
        LC_ALL=locale,
        LANG=locale,
        PYTHONIOENCODING="",
        PYTHONCOERCECLOCALE="0",
        PYTHONUTF8="0",
    )
    assert "你好" in done.stdout


# ── what goes in ──────────────────────────────────────────────────────────────────────────────


def test_a_dash_reads_the_prompt_from_standard_input(
    cli: CommandLine, server: Server, registry: str
):
    server.replies = [ANSWER]
    cli.run("run", "-", "--tools", registry, "--model", server.url, stdin="早上好\nwhat now?\n")
    assert "早上好\nwhat now?" in server.prompts[0]


def test_tools_named_are_the_only_ones(cli: CommandLine, server: Server, registry: str):
    server.replies = [ANSWER]
    cli.run("run", "Hi", "--tools", registry, "--model", server.url)
    assert "## get_weather" in server.prompts[0]
    assert "## python" not in server.prompts[0]


def test_without_a_word_there_are_python_and_the_browser(cli: CommandLine, server: Server):
    server.replies = [ANSWER]
    cli.run("run", "Hi", "--model", server.url)
    assert "## python" in server.prompts[0]
    assert "## simple_browser" in server.prompts[0]


def test_no_tools_means_none(cli: CommandLine, server: Server):
    server.replies = [ANSWER]
    cli.run("run", "Hi", "--no-tools", "--model", server.url, "--instructions", "Be a cat.")
    assert "##" not in server.prompts[0]
    assert "Be a cat." in server.prompts[0]


def test_the_environment_names_the_model(cli: CommandLine, server: Server):
    server.replies = [ANSWER]
    done = cli.run("run", "Hi", "--no-tools", GLM_AGENT_MODEL=server.url)
    assert done.returncode == 0
    assert len(server.prompts) == 1


def test_an_agent_file_says_what_the_options_do_not(
    cli: CommandLine, server: Server, registry: str
):
    (cli.folder / "agent.yaml").write_text(
        f"model: {server.url}\ninstructions: Be a dog.\ntools: [{{registry: {registry}}}]\n"
        "limits: {steps: 1}\n"
    )
    server.replies = [CALL, CALL, ANSWER]
    assert cli.run("run", "Hi", "--agent", "agent.yaml").returncode == 3
    assert "Be a dog." in server.prompts[0]
    assert "## get_weather" in server.prompts[0]
    done = cli.run(
        *("run", "Hi", "--agent", "agent.yaml", "--max-steps", "2"),
        *("--instructions", "Be a cat.", "--no-tools"),
    )
    assert done.returncode == 0
    assert "Be a cat." in server.prompts[1]
    assert "##" not in server.prompts[1]


# ── mistakes ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("run", "", "--model", "URL", "--no-tools"), 2, "say something"),
        (("run", " \n", "--model", "URL", "--no-tools"), 2, "say something"),
        (("run",), 2, "PROMPT"),
        (("run", "Hi", "--max-steps", "0"), 2, "--max-steps"),
        (("run", "Hi", "--timeout", "0"), 2, "--timeout"),
        (("run", "Hi", "--frobnicate"), 2, "--frobnicate"),
        (("frobnicate",), 2, "frobnicate"),
        (("run", "Hi", "--tool", "pyhton"), 2, "python"),
        (("run", "Hi", "--tools", "nowhere.yaml"), 2, "nowhere.yaml"),
        (("run", "Hi", "--agent", "nowhere.yaml"), 2, "nowhere.yaml"),
        (("run", "Hi", "--no-tools", "--tool", "python"), 2, "--no-tools"),
        (("run", "Hi", "--no-tools", "--model", "./nowhere"), 2, "./nowhere"),
        (("run", "Hi", "--no-tools", "--model", "http://127.0.0.1:1/v1"), 3, "127.0.0.1:1"),
    ],
)
def test_mistakes_are_told_in_words(
    cli: CommandLine, server: Server, arguments: tuple[str, ...], code: int, said: str
):
    done = cli.run(*(server.url if word == "URL" else word for word in arguments))
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_folder_without_weights_is_a_configuration_error(cli: CommandLine):
    (cli.folder / "model").mkdir()
    done = cli.run("run", "Hi", "--no-tools", "--model", "model", "--json")
    assert done.returncode == 2
    assert events(done.stdout) == [
        {"type": "error", "kind": "model_load", "message": events(done.stdout)[0]["message"]}
    ]


def test_every_mistake_of_a_registry_is_a_line_of_its_own(cli: CommandLine):
    (cli.folder / "bad.yaml").write_text("tools:\n  - pyhton: a:b\n  - builtin: pythno\n")
    done = cli.run("run", "Hi", "--tools", "bad.yaml")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert [line.split(": ")[0].rsplit(":", 2)[1:] for line in lines] == [["2", "5"], ["3", "14"]]


def test_debugging_shows_where_it_happened(cli: CommandLine):
    done = cli.run("run", "", "--no-tools", GLM_AGENT_DEBUG="1")
    assert "Traceback" in done.stderr
    assert done.returncode == 2


# ── coming down ───────────────────────────────────────────────────────────────────────────────


def test_a_time_limit_ends_the_run(cli: CommandLine, server: Server, registry: str):
    server.replies = ["sleep\n{}<|observation|>"]
    done = cli.run(
        *("run", "Hi", "--tools", registry, "--model", server.url, "--json", "--timeout", "1.5")
    )
    assert done.returncode == 3
    records = events(done.stdout)
    assert kinds(records) == ["call", "observation", "error"]
    assert (records[1]["outcome"], records[2]["kind"]) == ("cancelled", "limit")


def test_a_reader_that_goes_away_ends_the_run_quietly(
    cli: CommandLine, server: Server, registry: str
):
    server.replies = [CALL, "\n" + "word " * 2000 + "<|user|>"]
    process = cli.start("run", "Hi", "--tools", registry, "--model", server.url, "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    assert json.loads(process.stdout.readline())["type"] == "call"
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == ""


@pytest.mark.parametrize("options", [("--json",), ()], ids=["json", "plain"])
def test_a_reader_that_goes_away_ends_a_call_that_says_nothing(
    cli: CommandLine, server: Server, registry: str, options: tuple[str, ...]
):
    server.replies = ["sleep\n{}<|observation|>"]
    process = cli.start("run", "Hi", "--tools", registry, "--model", server.url, *options)
    assert process.stdout is not None
    assert process.stderr is not None
    assert "sleep" in process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == ""


def test_head_takes_one_line(cli: CommandLine, server: Server, registry: str):
    server.replies = [CALL, "\n" + "word " * 2000 + "<|user|>"]
    words = [*COMMAND, "run", "Hi", "--tools", registry, "--model", server.url]
    line = subprocess.list2cmdline(words) + " | head -n 1"
    done = subprocess.run(
        line,
        shell=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cli.folder,
        env=cli.environment,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ('> get_weather(city="Köln")\n', "")


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["int", "term", "hup"],
)
def test_an_interrupted_run_says_what_became_of_its_calls(
    cli: CommandLine, server: Server, registry: str, number: signal.Signals, code: int
):
    server.replies = ["sleep\n{}<|observation|>"]
    process = cli.start("run", "Hi", "--tools", registry, "--model", server.url, "--json")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["type"] == "call"
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    records = events(output)
    assert process.returncode == code
    assert kinds(records) == ["observation", "error"]
    assert (records[0]["outcome"], records[1]["kind"]) == ("cancelled", "interrupted")
    assert errors == ""


def test_an_interrupted_generation_stops(cli: CommandLine, server: Server, registry: str):
    server.replies = ["\nOnce upon a time" + "<|user|>"]
    server.hold = threading.Event()
    process = cli.start("run", "Hi", "--tools", registry, "--model", server.url)
    assert server.asked.wait(60)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "error: interrupted\n"


def test_an_interrupted_run_leaves_no_kernel_behind(cli: CommandLine, server: Server):
    code = "import os, time; open('pid', 'w').write(str(os.getpid())); print(flush=True)"
    server.replies = [f"python\n{code}\ntime.sleep(3600)<|observation|>"]
    process = cli.start("run", "Hi", "--tool", "python", "--model", server.url, "--json")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["type"] == "call"
    children = wait_for_children(process.pid)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert kinds(events(output)) == ["observation", "error"]
    for _ in range(100):  # what cleans up after us is told by our end, and goes a moment later
        if not any(alive(child) for child in children):
            return
        time.sleep(0.1)
    raise AssertionError("processes are left 10 s after the end")


def wait_for_children(pid: int) -> list[int]:
    """The process's children, once it has one."""
    for _ in range(600):
        found = [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and parent(entry) == pid
        ]
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("no kernel was started")


def parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_output_that_is_closed_from_the_start_is_no_failure(
    cli: CommandLine, server: Server, registry: str
):
    server.replies = [ANSWER]
    line = subprocess.list2cmdline(
        [*COMMAND, "run", "Hi", "--tools", registry, "--model", server.url]
    )
    done = subprocess.run(
        f"{line} >&-",
        shell=True,
        capture_output=True,
        text=True,
        cwd=cli.folder,
        env=cli.environment,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
