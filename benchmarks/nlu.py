"""Understanding on any folder of {train,test}.jsonl, or of a bot, beside plain floors and published figures.

    python -m benchmarks.nlu --data FOLDER [--model use-m3|e5-small-zh|both|none] [--few-shot] [--far OTHER]
    python -m benchmarks.nlu --project BOT [--model …]

A line of the files is `{"text", "intent", "entities": [{"start", "end", "value", "entity"}]}`, or `{"query",
"answer_id"}` in a set of questions and answers. Without test.jsonl a fifth of train.jsonl is held out. Prints one JSON
object (shares in 0..1, times as named) and, on standard error, a table for people.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    if not __package__:
        # run as a file, its folder comes first on the path, and this file would be taken for the package `nlu`
        sys.path[0] = str(Path(__file__).resolve().parents[1])
    from benchmarks.understanding import main as run

    run(__doc__ or "")


if __name__ == "__main__":
    main()
