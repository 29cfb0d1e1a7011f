"""The image in which kernels of kind "docker" run: what it is called, building and listing it.

The recipe is in `glm_sandbox/image`. An image is named after the recipe's content, so that a
changed recipe is a missing image, never an old one taken for new. Does not do: running anything.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ...errors import ImageBuildError
from .engine import LABEL, brief, engine, telling

RECIPE = Path(__file__).parents[2] / "image"
FILES = ("Dockerfile", "matplotlibrc", "requirements.txt")
NAME = "glm-sandbox"
BUILD_SECONDS = 1800
# The newest glibc of PEP 600 platform tags that Debian 12, the oldest base, has.
GLIBC = 36
_LAST_LINES = 15


@dataclass(frozen=True, slots=True)
class SandboxImage:
    """An image of ours in the engine. `size` in bytes; `current`: of the recipe as it is now."""

    name: str
    id: str
    size: int
    created: str
    current: bool


def image_name() -> str:
    """What the image is called: GLM_SANDBOX_IMAGE, or the name of the recipe as it is now."""
    return os.environ.get("GLM_SANDBOX_IMAGE") or f"{NAME}:{_recipe()}"


def _recipe() -> str:
    digest = hashlib.sha256()
    for name in FILES:
        digest.update(name.encode() + b"\0" + (RECIPE / name).read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def has_image(client: Any) -> bool:
    """Whether the engine has the image."""
    from docker.errors import ImageNotFound

    try:
        client.images.get(image_name())
    except ImageNotFound:
        return False
    return True


def list_images() -> list[SandboxImage]:
    """The images that `build` made, the newest first. Raises `KindUnavailable`."""
    with engine() as client:
        found = [
            SandboxImage(
                name=tag,
                id=image.id,
                size=int(image.attrs.get("Size", 0)),
                created=str(image.attrs.get("Created", "")),
                current=tag == image_name(),
            )
            for image in client.images.list(filters={"label": f"{LABEL}=image"})
            for tag in image.tags or [image.short_id]
        ]
    return sorted(found, key=lambda image: image.created, reverse=True)


def build_image(
    *,
    base: str | None = None,
    offline: bool = False,
    force: bool = False,
    say: Callable[[str], object] = lambda _: None,
) -> SandboxImage:
    """Build the image, or leave it be where it is there already.

    Args:
        base: The image to build on, Debian 12 or newer; None for the recipe's own.
        offline: For build containers without network: the packages are fetched here first, and
            `base` must have Python and the font.
        force: Build also where it is there.
        say: Is given a line for each step.

    Raises:
        KindUnavailable: no engine answers.
        ImageBuildError: a step failed.
    """
    name = f"{NAME}:{_recipe()}"
    with engine(BUILD_SECONDS) as client:
        if force or not any(image.name == name for image in _ours(client)):
            with tempfile.TemporaryDirectory(prefix="glm-image-") as folder:
                wheels: Path | None = None
                if offline:
                    wheels = Path(folder)
                    say("fetching the packages")
                    _download(_base_python(client, base), wheels)
                with telling(ImageBuildError, "the image cannot be built"):
                    _build(client, name, base, wheels, say)
    return next(image for image in list_images() if image.name == name)


def _ours(client: Any) -> Iterator[SandboxImage]:
    for image in client.images.list(filters={"label": f"{LABEL}=image"}):
        for tag in image.tags:
            yield SandboxImage(tag, image.id, 0, "", tag == image_name())


def _build(
    client: Any, name: str, base: str | None, wheels: Path | None, say: Callable[[str], object]
) -> None:
    with tempfile.TemporaryFile(prefix="glm-image-") as context:
        _pack(context, wheels)
        context.seek(0)
        said: list[str] = []
        wrong = ""
        steps = client.api.build(
            fileobj=context,
            custom_context=True,
            tag=name,
            rm=True,
            forcerm=True,
            decode=True,
            buildargs={"BASE": base} if base else {},
            labels={LABEL: "image"},
        )
        for step in steps:  # to the end, which is what closes the connection
            wrong = wrong or " ".join(str(step.get("error") or "").split())[:400]
            line = str(step.get("stream") or "").strip()
            said = [*said[-_LAST_LINES:], line]
            if line.startswith("Step "):
                say(line)
    if wrong:
        last = " ".join(" ".join(said).split())[-600:]
        after = f"; the last lines were: {last}" if last else ""
        raise ImageBuildError(f"the image cannot be built: {wrong}{after}")


def _pack(target: Any, wheels: Path | None) -> None:
    """The build's context as a tar file, the same for the same content."""
    with tarfile.open(fileobj=target, mode="w") as tar:
        for file in FILES:
            data = (RECIPE / file).read_bytes()
            entry = tarfile.TarInfo(file)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        folder = tarfile.TarInfo("wheels")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
        for wheel in sorted(wheels.iterdir()) if wheels else ():
            entry = tarfile.TarInfo(f"wheels/{wheel.name}")
            entry.size = wheel.stat().st_size
            with wheel.open("rb") as file:
                tar.addfile(entry, file)


def _base_python(client: Any, base: str | None) -> str:
    """The version of Python in the base, such as "3.11"."""
    if base is None:
        raise ImageBuildError(
            "a build without network needs a base image that has Python and the font; name it"
        )
    from docker.errors import DockerException, ImageNotFound

    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        client.images.get(base)  # `run` would ask a registry for a missing one
        said = client.containers.run(
            base, ["python3", "-I", "-c", code], remove=True, network_mode="none"
        )
    except ImageNotFound:
        raise ImageBuildError(f"there is no image {base!r} in the engine") from None
    except DockerException as error:
        raise ImageBuildError(f"the base {base!r} has no python3 ({brief(error)})") from None
    return cast("bytes", said).decode("ascii", "replace").strip()


def _download(version: str, folder: Path) -> None:
    """Fetch the packages for the base's Python with this interpreter's pip."""
    machine = platform.machine()
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--only-binary", ":all:", "--implementation", "cp", "--python-version", version),
        *(f"--platform=manylinux_2_{minor}_{machine}" for minor in range(GLIBC, 16, -1)),
        *(f"--platform=manylinux2014_{machine}", "--dest", str(folder)),
        *("--requirement", str(RECIPE / "requirements.txt")),
    ]
    done = subprocess.run(  # noqa: S603 (our own interpreter)
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        last = " ".join(done.stderr.split())[-400:]
        raise ImageBuildError(f"the packages cannot be fetched: {last}")
