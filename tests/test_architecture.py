"""The house stands as it was drawn: which package, and which room, may import which.

Read from the source, so an import inside a function or under TYPE_CHECKING counts as well.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "glm_agent": ROOT / "glm_agent",
    "glm_tools": ROOT / "tools" / "glm_tools",
    "glm_sandbox": ROOT / "sandbox" / "glm_sandbox",
}
# What a package must not import, at no time.
FORBIDDEN = {
    "glm_agent": {"glm_tools", "glm_sandbox"},
    "glm_tools": {"torch", "transformers"},
    "glm_sandbox": {"glm_agent", "glm_tools", "torch", "transformers"},
}
# The rooms of glm_agent from the ground up: each may use those below it, and its own.
STOREYS = (
    {"_version", "errors", "messages"},
    {"citations", "limits"},
    {"events"},
    {"protocol"},
    {"models", "plugins"},
    {"tooling"},
    {"loop"},
    {"agent", "sync"},
    {"cli"},
    {"__init__", "__main__"},
)
IMPURE = {
    *("torch", "transformers", "anyio", "asyncio", "threading", "subprocess", "multiprocessing"),
    *("socket", "ssl", "http", "urllib", "httpx2", "requests", "pathlib", "shutil", "tempfile"),
    *("logging", "time", "random", "sys"),
}
# Made of heavy packages' own classes, or compiled: only ever imported inside functions.
LATE = {
    "glm_agent.models.engine.fused",
    "glm_agent.models.engine.kv_layers",
    "glm_agent.models.engine.step",
}
HEAVY = {"torch", "transformers", "tokenizers", "safetensors", "huggingface_hub"}
# Run by the interpreter of a kernel, which has ipykernel and what it brings along.
IN_THE_KERNEL = {
    "inside.py": {"ipykernel", "jupyter_client", "traitlets"},
    "init.py": {"guard"},  # which lies beside it in a container
}
# Run by another server, which is what they are for.
IN_A_SERVER = {"vllm_tool_parser.py": {"vllm"}, "sglang_detector.py": {"sglang"}}
# What a package of ours brings along and is imported as well: it comes and goes with it.
BROUGHT_ALONG = {
    "pydantic_core": "pydantic",
    "zmq": "jupyter-client",
    "tornado": "jupyter-client",
    "traitlets": "jupyter-client",
    "tokenizers": "transformers",
    "safetensors": "transformers",
    "huggingface_hub": "transformers",
}


@dataclass(frozen=True)
class Import:
    """One import: the whole name of a module, and whether importing `file` carries it out."""

    file: Path
    line: int
    module: str
    at_once: bool

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.module}"


def modules(package: str) -> list[Path]:
    return sorted(FOLDERS[package].rglob("*.py"))


def imports(package: str) -> Iterator[Import]:
    for file in modules(package):
        inside = (package, *file.relative_to(FOLDERS[package]).parts[:-1])
        tree = ast.parse(file.read_text("utf-8"))
        at_once = set(map(id, _carried_out(tree)))
        for node in ast.walk(tree):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level:
                base = ".".join(inside[: len(inside) - node.level + 1])
                found = [node.module] if node.module else [alias.name for alias in node.names]
                names = [f"{base}.{name}" for name in found]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                yield Import(file, node.lineno, name, id(node) in at_once)


def _carried_out(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements that importing a module runs, without those for type checkers."""
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.dump(node.test):
            waiting += [*node.body, *node.orelse]
        elif isinstance(node, ast.With | ast.ClassDef):
            waiting += node.body
        elif isinstance(node, ast.Try):
            waiting += [*node.body, *node.orelse, *node.finalbody]


def test_imports_are_read_as_python_reads_them():
    found = {(item.file.name, item.module, item.at_once) for item in imports("glm_agent")}
    assert ("agent.py", "glm_agent.loop", True) in found
    assert ("agent.py", "glm_agent.sync", False) in found
    assert ("load.py", "glm_agent.errors", True) in found
    assert ("engine.py", "torch", False) in found


@pytest.mark.parametrize("package", FOLDERS)
def test_arrows_between_packages_go_one_way(package: str):
    wrong = [str(item) for item in imports(package) if item.top in FORBIDDEN[package]]
    assert wrong == []


def test_rooms_use_only_what_is_below_them():
    floor = {room: number for number, rooms in enumerate(STOREYS) for room in rooms}
    wrong: list[str] = []
    for item in imports("glm_agent"):
        if item.top != "glm_agent":
            continue
        room = item.file.relative_to(FOLDERS["glm_agent"]).parts[0].removesuffix(".py")
        used = item.module.split(".")[1] if "." in item.module else "__init__"
        if floor[used] > floor[room]:
            wrong.append(str(item))
    assert wrong == []


def test_the_protocol_is_pure():
    folder = FOLDERS["glm_agent"] / "protocol"
    wrong = [
        str(item)
        for item in imports("glm_agent")
        if item.file.is_relative_to(folder) and item.top in IMPURE
    ]
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.AsyncFunctionDef | ast.Await):
                wrong.append(f"{file.name}:{node.lineno} is asynchronous")
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("open", "print"):
                wrong.append(f"{file.name}:{node.lineno} reads or writes")
    assert wrong == []


@pytest.mark.parametrize("package", FOLDERS)
def test_nothing_heavy_is_imported_before_it_is_needed(package: str):
    late = {Path(*name.split(".")).with_suffix(".py") for name in LATE}
    at_once = [item for item in imports(package) if item.at_once]
    at_once = [item for item in at_once if item.file.relative_to(ROOT) not in late]
    assert [str(item) for item in at_once if item.top in HEAVY] == []
    assert [str(item) for item in at_once if item.module in LATE] == []


@pytest.mark.parametrize("package", FOLDERS)
def test_every_package_from_outside_is_a_declared_dependency(package: str):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = ("local", "quantize", "docker", "ddgs", "render")
    lines = project["dependencies"] + [line for extra in wanted for line in extras[extra]]
    declared = {_normal(re.split(r"[\s<>=!~\[;]", line, maxsplit=1)[0]) for line in lines}
    providers = packages_distributions()
    wrong: list[str] = []
    for item in imports(package):
        top = item.top
        if top in sys.stdlib_module_names or top in FOLDERS:
            continue
        if top in IN_THE_KERNEL.get(item.file.name, set()) | IN_A_SERVER.get(item.file.name, set()):
            continue
        names = {_normal(name) for name in providers.get(top, [top])}
        names |= {BROUGHT_ALONG[top]} if top in BROUGHT_ALONG else set()
        if not names & declared:
            wrong.append(str(item))
    assert wrong == []


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("package", FOLDERS)
def test_a_module_says_what_it_is_and_holds_one_idea(package: str):
    wrong: list[str] = []
    for file in modules(package):
        text = file.read_text("utf-8")
        if not ast.get_docstring(ast.parse(text)):
            wrong.append(f"{file.relative_to(ROOT)} has no docstring")
        if text.count("\n") > 400:
            wrong.append(f"{file.relative_to(ROOT)} has over 400 lines")
    assert wrong == []


def test_generic_names_are_no_import_names():
    """Every agent project has a `tools` folder of its own, which would shadow ours."""
    for name in ("tools", "sandbox"):
        assert not (ROOT / name / "__init__.py").exists()
