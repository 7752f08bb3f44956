"""Every Rasa project of a folder: does it load and learn, and do its own test stories pass?

    python -m benchmarks.rasa_projects FOLDER [--stories N]

For each project: seconds of training (understanding and policies) and peak memory of the process that trains, the test
stories that pass with our understanding of their texts (`as_heard`) and with the meanings that they give
(`as_written`). `--stories N` adds a made-up project of N stories: how long its policies take to
learn, and a message of a talk to be answered. Prints one
JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from adapters.message import Address, Json, Text
from config.source import BadProject
from flows.rasa.engine import RasaEngine, load_rasa_engine
from flows.rasa.testing import Parse, read_tests, run_tests
from flows.state import ActionFailed, Dialogue, Heard, Result
from nlu.meaning import Meaning
from nlu.model import load
from nlu.training import train

NOW = datetime(2026, 11, 18, 10, tzinfo=UTC)
STEPS = 6
TALKS, MESSAGES = 30, 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--stories", type=int, default=0, help="also learn a made-up project of so many stories")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        sys.stdout.write(json.dumps(measure(given.folder), ensure_ascii=False) + "\n")
        return
    projects = [path for path in sorted(given.folder.iterdir()) if (path / "config.yml").is_file()]
    found = {path.name: apart(path) for path in projects}
    result: dict[str, Any] = {"projects": found, "all": total(found.values())}
    if given.stories:
        result["made_up"] = made_up(given.stories)
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


def apart(project: Path) -> dict[str, Any]:
    """Measured in a process of its own, so that memory is the project's."""
    command = [sys.executable, "-m", "benchmarks.rasa_projects", str(project), "--one"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return {"error": done.stderr.strip().splitlines()[-1:]}
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def measure(original: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        project = Path(name) / original.name
        shutil.copytree(original, project)
        for path in (project, *project.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        begun = time.perf_counter()
        try:
            pipeline = load(train(project, lambda phase, fraction: None))
            engine = load_rasa_engine(project)
        except BadProject as bad:
            return {"problems": [str(problem).replace(f"{name}/", "") for problem in bad.problems]}
        result: dict[str, Any] = {"train_s": round(time.perf_counter() - begun, 2)}
        try:
            stories = read_tests(project)
        except BadProject:
            stories = []
        ways: dict[str, Parse | None] = {"as_heard": lambda text: pipeline.parse(text, NOW), "as_written": None}
        for way, parse in ways.items() if stories else ():
            told = run_tests(engine, stories, parse).to_dict()
            result[way] = {key: told[key] for key in told if key != "failed"}
        result["peak_rss_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return result


def total(found: Any) -> dict[str, Any]:
    rows = list(found)
    told: dict[str, Any] = {"projects": len(rows), "learned": sum("train_s" in row for row in rows)}
    for way in ("as_heard", "as_written"):
        tested = [row[way] for row in rows if way in row]
        passed, stories = sum(row["passed"] for row in tested), sum(row["conversations"] for row in tested)
        actions = sum(row["actions"] for row in tested)
        right = sum(row["action_accuracy"] * row["actions"] for row in tested)
        told[way] = {"passed": passed, "conversations": stories, "action_accuracy": round(right / max(1, actions), 4)}
    return told


def made_up(count: int) -> dict[str, Any]:
    """`count` stories over 40 intents and 60 responses, half of them through forms."""
    with tempfile.TemporaryDirectory() as name:
        project = Path(name)
        (project / "data").mkdir()
        intents, responses = [f"i{i}" for i in range(40)], [f"utter_r{i}" for i in range(60)]
        domain = {
            "intents": intents,
            "responses": {each: [{"text": each}] for each in responses},
            "slots": {"s": {"type": "text", "mappings": [{"type": "custom"}]}},
            "forms": {"a_form": {"required_slots": ["s"]}},
        }
        stories = [_story(i, intents, responses) for i in range(count)]
        (project / "domain.yml").write_text(json.dumps(domain))
        (project / "data" / "stories.yml").write_text(yaml.safe_dump({"stories": stories}))
        begun = time.perf_counter()
        load_rasa_engine(project)
        learned = time.perf_counter() - begun
        begun = time.perf_counter()
        engine = load_rasa_engine(project)
        again = time.perf_counter() - begun
        steps = asyncio.run(talk(engine, intents))
        return {
            "stories": count,
            "policies_s": round(learned, 2),
            "again_s": round(again, 2),
            "step_ms": {"p50": round(1000 * statistics.median(steps), 2), "max": round(1000 * max(steps), 2)},
        }


class Nobody:
    """Made-up projects have no actions."""

    async def perform(
        self, name: str, args: Mapping[str, Json], key: str, heard: Heard, slots: Mapping[str, Json]
    ) -> Result:
        raise ActionFailed(name)


async def talk(engine: RasaEngine, intents: list[str]) -> list[float]:
    """Seconds for each message of talks of MESSAGES messages."""
    taken: list[float] = []
    for i in range(TALKS):
        dialogue = Dialogue()
        for j in range(MESSAGES):
            meaning = Meaning(f"{i} {j}", intents[(7 * i + 11 * j) % len(intents)], 0.9)
            heard = Heard(f"{i}/{j}", Address("rest", "main", "u", "u"), Text(meaning.text), meaning, 60.0 * j + 1)
            begun = time.perf_counter()
            dialogue = (await engine.step(dialogue, heard, Nobody())).dialogue
            taken.append(time.perf_counter() - begun)
    return taken


def _story(number: int, intents: list[str], responses: list[str]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = []
    for turn in range(STEPS):
        # the same beginning always goes on in the same way, as in stories that somebody wrote
        place = (number // 2 ** max(0, STEPS - 1 - turn) * 7 + turn * 11) % len(intents)
        steps += [{"intent": intents[place]}, {"action": responses[(place * 3 + turn) % len(responses)]}]
        if turn == 2 and number % 2:
            steps += [{"intent": intents[0]}, {"action": "a_form"}, {"active_loop": "a_form"}, {"active_loop": None}]
    return {"story": f"story {number}", "steps": steps}


if __name__ == "__main__":
    main()
