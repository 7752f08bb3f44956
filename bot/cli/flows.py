"""`flows`: pictures of what the bot does."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bot.cli.options import project_option
from config.source import did_you_mean
from flows.drawing import Chart, NoFont, chart_of, place, to_mermaid, to_png, to_svg
from flows.engine import Engine, load_engine

ENDINGS = {".mmd": "mermaid", ".md": "mermaid", ".svg": "svg", ".png": "png"}


@click.group()
def flows() -> None:
    """Look at the bot's flows."""


@flows.command()
@project_option
@click.argument("flow", default="")
@click.option(
    "--format", "kind", type=click.Choice(["mermaid", "svg", "png"]), help="By default as FILE ends, or Mermaid."
)
@click.option("--out", type=click.Path(path_type=Path), help="A file; for several flows a folder.")
def graph(project: Path, flow: str, kind: str | None, out: Path | None) -> None:
    """Draw FLOW, or each flow: as Mermaid's text, SVG or PNG."""
    engine = load_engine(project, "Asia/Shanghai")
    own = [name for name, each in engine.flows.items() if not each.is_pattern or engine.overridden(name)]
    if flow and flow not in own:
        raise click.UsageError(f"there is no flow '{flow}'; {did_you_mean(flow, own) or ', '.join(own)}")
    if not own:
        raise click.UsageError(f"{project} has no flows: write them in data/flows.yml")
    kind = kind or ENDINGS.get(out.suffix if out else "", "mermaid")
    try:
        if flow:
            _write(drawn(chart(engine, flow), kind), kind, out)
        elif out is None:
            if kind != "mermaid":
                raise click.UsageError("several pictures need a folder: --out FOLDER")
            for name in own:
                click.echo(f"%% {name}\n{to_mermaid(chart(engine, name))}")
        else:
            out.mkdir(parents=True, exist_ok=True)
            for name in own:
                ending = next(end for end, each in ENDINGS.items() if each == kind)
                (out / f"{name}{ending}").write_bytes(drawn(chart(engine, name), kind))
            click.echo(f"{len(own)} flows are drawn in {out}")
    except NoFont as error:
        click.echo(str(error), err=True)
        sys.exit(2)


def chart(engine: Engine, flow: str) -> Chart:
    read = next((each for each in engine.graphs if each.flow.id == flow), None)
    return chart_of(engine.flows[flow], read, engine.domain)


def drawn(of: Chart, kind: str) -> bytes:
    """Raises `NoFont`."""
    match kind:
        case "svg":
            return to_svg(place(of), of.title).encode()
        case "png":
            return to_png(place(of))
        case _:
            return to_mermaid(of).encode()


def _write(picture: bytes, kind: str, out: Path | None) -> None:
    if out is not None:
        out.write_bytes(picture)
        click.echo(f"{out} ({len(picture) / 1000:.0f} kB)")
    elif kind == "png" and sys.stdout.isatty():
        raise click.UsageError("a PNG needs a file: --out FILE.png")
    else:
        sys.stdout.buffer.write(picture)
