"""The command line: `yingda` = `python -m bot`.

Exit codes: 0 ok, 1 the check failed, 2 wrong usage or a bad project (one line per problem: file:line, what, how
to mend it).
"""

from bot.cli.root import cli, main

__all__ = ["cli", "main"]
