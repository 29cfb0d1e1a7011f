"""The image and what is left behind, as `glm-agent sandbox` sees to them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from glm_sandbox import KernelPool, KindUnavailable
from glm_sandbox.kinds.docker import DockerLauncher, image, leftovers
from glm_sandbox.kinds.docker.engine import LABEL

from glm_agent.cli.app import group

ROOT = Path(__file__).resolve().parents[3]


def command(*arguments: str, **environment: str) -> Result:
    """`glm-agent sandbox …` in this process."""
    return CliRunner(env=environment).invoke(group, ["sandbox", *arguments])


@pytest.mark.parametrize("arguments", [("list",), ("build",), ("clean",)])
def test_without_an_engine_there_is_one_line_that_says_what_to_do(
    arguments: tuple[str, ...], tmp_path: Path
):
    where = f"unix://{tmp_path}/no.sock"
    done = command(*arguments, DOCKER_HOST=where)
    assert done.exit_code == 2
    (line,) = done.output.splitlines()
    assert line.startswith(f"error: no Docker engine answers at {where}")
    assert "start one" in line


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("unix:///nowhere/docker.sock", "no Docker engine answers at unix:///nowhere/docker.sock"),
        ("tcp://127.0.0.1:1", "the engine must run on this machine"),
        ("nonsense", "the engine must run on this machine"),
    ],
)
def test_a_pool_without_an_engine_refuses(monkeypatch: pytest.MonkeyPatch, where: str, reason: str):
    monkeypatch.setenv("DOCKER_HOST", where)
    assert reason in (DockerLauncher.unavailable() or "")
    with pytest.raises(KindUnavailable, match=reason):
        KernelPool(kind="docker")


def test_without_the_package_it_says_how_to_install_it():
    code = (
        "import sys; sys.modules['docker'] = None\n"
        "from glm_sandbox.kinds.docker import DockerLauncher\n"
        "print(DockerLauncher.unavailable())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "the Python package docker is missing: pip install 'glm-agent[docker]'\n"
    )


def test_an_image_is_named_after_its_recipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("GLM_SANDBOX_IMAGE", raising=False)
    first = image.image_name()
    for file in image.FILES:
        (tmp_path / file).write_bytes((image.RECIPE / file).read_bytes())
    monkeypatch.setattr(image, "RECIPE", tmp_path)
    assert image.image_name() == first
    (tmp_path / "requirements.txt").write_text("ipykernel\n")
    assert image.image_name() != first
    monkeypatch.setenv("GLM_SANDBOX_IMAGE", "mine:1")
    assert image.image_name() == "mine:1"


@pytest.mark.docker
def test_a_missing_image_is_said_with_the_command_that_builds_it(
    available: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GLM_SANDBOX_IMAGE", "glm-sandbox:none")
    assert DockerLauncher.unavailable() == (
        "the image is not built; build it: glm-agent sandbox build"
    )


@pytest.mark.docker
def test_build_leaves_an_image_that_is_there_and_list_shows_it(available: None):
    done = command("build")
    assert done.exit_code == 0
    assert done.stderr == ""  # no step was carried out
    assert done.stdout.startswith(image.image_name())
    shown = json.loads(command("list", "--json").stdout)
    assert [found["name"] for found in shown["images"] if found["current"]] == [image.image_name()]
    assert "not built" not in command("list").stdout


@pytest.mark.docker
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--base", "glm-sandbox:none", "--offline"), "there is no image 'glm-sandbox:none'"),
        (("--offline",), "needs a base image that has Python and the font; name it"),
        (("--base", "no such image"), "the image cannot be built"),
    ],
)
def test_a_build_that_fails_is_told_in_one_line(
    available: None, arguments: tuple[str, ...], said: str
):
    done = command("build", "--force", *arguments)
    assert done.exit_code == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert said in errors[0]
    assert "Traceback" not in done.stderr


@pytest.mark.docker
def test_clean_removes_what_nobody_owns_and_nothing_else(engine: Any):
    labels = {
        "left": f"{2**22 + 1}:1.00",
        "used": f"{os.getpid()}:{leftovers.started_at(os.getpid())}",
    }
    made = {
        name: engine.containers.create(
            image.image_name(),
            ["sleep", "600"],
            network_mode="none",
            labels={LABEL: "kernel", leftovers.OWNER: owner},
        )
        for name, owner in labels.items()
    }
    strange = engine.containers.create(image.image_name(), ["true"], network_mode="none")
    try:
        listed = command("list").stdout
        assert f"{made['left'].short_id}  created  left behind; `clean` removes it" in listed
        done = command("clean")
        assert done.exit_code == 0
        assert done.stdout.startswith("removed: 1 containers, ")
        there = {container.id for container in engine.containers.list(all=True)}
        assert made["left"].id not in there
        assert {made["used"].id, strange.id} <= there
    finally:
        strange.remove(force=True)
        made["used"].remove(force=True)
    assert image.has_image(engine)


def test_the_script_for_ci_says_what_it_skips_without_root():
    script = ["bash", str(ROOT / "scripts" / "ci_sandbox.sh"), "up"]
    if os.getuid() == 0:
        script = ["setpriv", "--reuid=65534", "--clear-groups", "--regid=65534", *script]
    done = subprocess.run(script, capture_output=True, text=True, check=False, cwd="/")
    if "Permission denied" in done.stderr:
        pytest.skip("the checkout cannot be read by an ordinary user")
    assert done.returncode == 0
    assert done.stdout == ""
    assert "skipped: bubblewrap and the Docker engine: this needs root" in done.stderr
