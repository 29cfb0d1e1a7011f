"""`glm-agent sandbox build`, `list` and `clean`: the image and the containers of kind "docker".

Does not do: starting an engine, or running kernels.
"""

from __future__ import annotations

import json
from dataclasses import asdict

import click


@click.command()
@click.option(
    "--base",
    metavar="IMAGE",
    help="Build on IMAGE, Debian 12 or newer, instead of fetching Debian's.",
)
@click.option(
    "--offline",
    is_flag=True,
    help="Fetch the Python packages here, for an engine without network. Needs a base that has "
    "python3, python3-venv and fonts-wqy-microhei.",
)
@click.option("--force", is_flag=True, help="Build also where the image is there already.")
def build(base: str | None, offline: bool, force: bool) -> None:
    """Build the image in which kernels of kind docker run.

    It holds Debian's Python with ipykernel, numpy, pandas, matplotlib with a Chinese font, scipy
    and sympy: about 700 MB, and some minutes.
    """
    from ..kinds.docker.image import build_image

    image = build_image(
        base=base, offline=offline, force=force, say=lambda line: click.echo(line, err=True)
    )
    click.echo(f"{image.name}  {_megabytes(image.size)}")


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def list_images(as_json: bool) -> None:
    """List the images and the kernels in the Docker engine."""
    from ..kinds.docker.image import list_images as images_there
    from ..kinds.docker.leftovers import list_kernels

    images, kernels = images_there(), list_kernels()
    if as_json:
        shown = {
            "images": [asdict(image) for image in images],
            "kernels": [asdict(kernel) for kernel in kernels],
        }
        click.echo(json.dumps(shown, indent=2))
        return
    for image in images:
        note = "" if image.current else "  of an older recipe; `clean` removes it"
        click.echo(f"image   {image.name}  {_megabytes(image.size)}{note}")
    for kernel in kernels:
        note = "" if kernel.owned else "  left behind; `clean` removes it"
        click.echo(f"kernel  {kernel.id}  {kernel.status}{note}")
    if not any(image.current for image in images):
        click.echo("the image is not built; build it: glm-agent sandbox build")


@click.command()
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also kernels that are in use, of every user of the engine, and the current image.",
)
def clean(everything: bool) -> None:
    """Remove what kernels of kind docker left behind.

    Containers whose owner is gone, and images of older recipes.
    """
    from ..kinds.docker.leftovers import clean as remove

    removed = remove(everything=everything)
    click.echo(f"removed: {removed.containers} containers, {removed.images} images")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
