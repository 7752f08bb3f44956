"""`yingda`, and `python -m bot`."""

from __future__ import annotations

import sys


def main() -> None:
    """The command line. Ctrl-C ends it quietly even in the second in which it is being imported."""
    try:
        from bot.cli import main as command_line  # noqa: PLC0415

        command_line()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
