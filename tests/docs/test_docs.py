"""The documentation is true: its code runs, its links lead somewhere, its commands exist.

In docs/*.md and the READMEs:

- ```python blocks run in order, in one namespace a file, in an empty folder;
- a ```text block right after one is what that block prints;
- ```python no-run is only compiled (it needs a GPU, a server or a network);
- a block whose info string ends in a file name (```yaml agent.yaml) is written to that file first;
- ```sh, ```bash and ```console blocks are not run, but every glm-agent command in them must parse.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import shlex
import sys
import tomllib
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from glm_agent.cli.app import group
from glm_agent.errors import ModelLoadError

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
WEIGHTS = ROOT / "glm_agent" / "models" / "embedded" / "model.safetensors"
PAGES = [
    ROOT / "README.md",
    *sorted(DOCS.glob("*.md")),
    *(ROOT / folder / "README.md" for folder in ("examples", "sandbox", "tools")),
]
_FENCE = re.compile(
    r"^(?P<fence>```+)(?P<info>[^`\n]*)\n(?P<body>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL
)
_LINK = re.compile(r"!?\[[^\]\n]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block. `line` is that of its first line of content, counted from 1."""

    language: str
    rest: str
    body: str
    line: int
    start: int
    end: int


def blocks_of(text: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    for match in _FENCE.finditer(text):
        language, _, rest = match["info"].strip().partition(" ")
        line = text.count("\n", 0, match.start("body")) + 1
        found.append(Block(language, rest.strip(), match["body"], line, match.start(), match.end()))
    return found


def compiled(block: Block, page: Path) -> types.CodeType:
    """The block's code, with the page's line numbers in its tracebacks."""
    return compile("\n" * (block.line - 1) + block.body, str(page), "exec", dont_inherit=True)


def expected_output(text: str, blocks: list[Block], index: int) -> str | None:
    """The ```text block that directly follows the block at `index`."""
    if index + 1 < len(blocks):
        block, after = blocks[index], blocks[index + 1]
        if after.language == "text" and not text[block.end : after.start].strip():
            return after.body
    return None


@pytest.fixture(params=PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def page(request: pytest.FixtureRequest) -> Path:
    """Each page in turn."""
    return request.param


@pytest.fixture
def module(page: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[types.ModuleType]:
    """The namespace of a page's blocks, importable because type hints are looked up there."""
    made = types.ModuleType("page_" + page.stem.replace("-", "_"))
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


def test_every_python_block_runs_and_prints_what_the_page_says(
    page: Path, module: types.ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GLM_AGENT_MODEL", raising=False)
    text = page.read_text(encoding="utf-8")
    blocks = blocks_of(text)
    for index, block in enumerate(blocks):
        if block.language != "python":
            if re.fullmatch(r"[\w./-]+\.\w+", block.rest):
                target = tmp_path / block.rest
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(block.body, encoding="utf-8")
            continue
        code = compiled(block, page)
        if block.rest == "no-run":
            continue
        assert not block.rest, f"{page.name}:{block.line - 1}: unknown mark {block.rest!r}"
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(code, module.__dict__)
        except ModelLoadError:
            if not WEIGHTS.is_file():
                pytest.skip("the embedded model's weights are not in this checkout")
            raise
        expected = expected_output(text, blocks, index)
        if expected is not None:
            assert printed.getvalue().rstrip() == expected.rstrip(), f"{page.name}:{block.line}"


def test_relative_links_lead_somewhere(page: Path) -> None:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in _LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors_of(file), f"{page.name} links to {target}"


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as Markdown renderers make them."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


def test_every_glm_agent_command_parses(page: Path) -> None:
    for block in blocks_of(page.read_text(encoding="utf-8")):
        if block.language not in ("sh", "bash", "console"):
            continue
        for line in block.body.replace("\\\n", " ").splitlines():
            if block.language == "console" and not line.startswith("$ "):
                continue  # what the command prints
            words = shlex.split(line.removeprefix("$ "), comments=True)
            words = list(itertools.takewhile(lambda word: word not in ("|", "<", ">", "&"), words))
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                del words[0]
            if words and Path(words[0]).name == "glm-agent":
                parse(words[1:], f"{page.name}:{block.line}: {line}")


def parse(words: list[str], where: str) -> None:
    """Parse a command line as click does, without carrying it out."""
    command: click.Command = group
    # Under the group's settings: click keeps the help option that it makes for a command.
    parent = click.Context(group, **group.context_settings)
    while isinstance(command, click.Group):
        if words and words[0] in ("--help", "--version"):
            return
        assert words[:1], f"a subcommand is missing in {where}"
        found = command.get_command(parent, words[0])
        assert found is not None, f"no such command in {where}"
        command, words = found, words[1:]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            command.make_context(command.name, words, parent=parent)
    except click.exceptions.Exit:  # --help
        return
    except click.ClickException as error:
        raise AssertionError(f"{where}: {error.format_message()}") from error


def test_the_index_lists_every_page() -> None:
    listed = set(_LINK.findall((DOCS / "index.md").read_text(encoding="utf-8")))
    assert {path.name for path in DOCS.glob("*.md")} - {"index.md"} <= listed


def dependencies() -> list[str]:
    """The names of all packages and extras that pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *(line for extra in extras.values() for line in extra)]
    names = {re.split(r"[\s<>=!~;]", line, maxsplit=1)[0] for line in lines}
    return sorted({name for name in names if not name.startswith("glm-agent")} | set(extras))


@pytest.mark.parametrize("name", dependencies())
def test_the_readme_says_why_a_dependency_is_there(name: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.split(r"^## Dependencies$", readme, flags=re.MULTILINE)[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    row = next((row for row in rows if f"`{name}`" in row.split("|")[1]), None)
    assert row, f"{name} has no line in README.md, Dependencies"
    assert len(row.split("|")[2].split()) > 2, "the line gives no reason"


def test_the_readme_names_no_dependency_that_is_gone() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.split(r"^## Dependencies$", readme, flags=re.MULTILINE)[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}
    assert named <= {*dependencies(), "hatchling"}
