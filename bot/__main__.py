"""`yingda`, and `python -m bot`."""

from __future__ import annotations

import sys

try:
    from bot.cli import main
except KeyboardInterrupt:  # Ctrl-C in the second that the imports take
    sys.exit(130)

__all__ = ["main"]

if __name__ == "__main__":
    main()
