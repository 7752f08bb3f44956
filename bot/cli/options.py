"""Options that every verb shares."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from config.settings import DEFAULT_PROJECT, Settings, load_settings
from config.source import environment

F = TypeVar("F", bound=Callable[..., Any])


def _existing_project(ctx: click.Context, param: click.Parameter, value: Path) -> Path:
    if not value.is_dir():
        raise click.BadParameter(f"there is no folder {value}; make one with: yingda init {value}", ctx, param)
    if not (value / "domain.yml").is_file() and not (value / "domain").is_dir():
        raise click.BadParameter(f"{value} is no bot: it has no domain.yml; make one with: yingda init DIR", ctx, param)
    return value


def project_option(command: F) -> F:
    return click.option(
        "--project",
        type=click.Path(file_okay=False, path_type=Path),
        default=DEFAULT_PROJECT,
        envvar="YINGDA_PROJECT",
        show_default="the sample shop bot",
        callback=_existing_project,
        help="Folder of the bot.",
    )(command)


def settings_for(project: Path, **overrides: Any) -> Settings:
    """The settings from the environment and `.env`, with what the command line says on top."""
    env = environment(project) if project.is_dir() else dict(os.environ)
    given = {f"YINGDA_{name.upper()}": str(value) for name, value in overrides.items() if value is not None}
    return load_settings({**env, **given})
