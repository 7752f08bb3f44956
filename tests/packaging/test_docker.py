"""The Dockerfile, without an engine: linted, and its install and entry-point lines executed in a temporary root.

What only an engine can do (pulling the base image, `useradd`) is not done; everything else runs as it is written,
with the image's absolute paths laid under the temporary root.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
START_S = 90
STOP_S = 12


@dataclass(frozen=True)
class Step:
    name: str
    words: str


def steps() -> list[Step]:
    text = re.sub(r"\\\n", "", (ROOT / "Dockerfile").read_text("utf-8"))
    lines = (line.strip() for line in text.splitlines())
    return [Step(*line.split(maxsplit=1)) for line in lines if line and not line.startswith("#")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Image:
    """A temporary root in which the Dockerfile's steps are carried out."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.env = {"HOME": str(root), "LANG": "C.UTF-8", "PATH": os.environ["PATH"]}
        self.env |= {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "SSL_", "OPENBLAS"))}
        self.folder = root

    def inside(self, path: str) -> Path:
        return self.root / path.lstrip("/") if path.startswith("/") else self.folder / path

    def words(self, text: str) -> str:
        return re.sub(r"(?<![\w/.])/(?=opt/|bot\b|src\b)", f"{self.root}/", text)

    def run(self, command: str | list[str]) -> None:
        done = subprocess.run(
            self.words(command) if isinstance(command, str) else [self.words(word) for word in command],
            shell=isinstance(command, str), cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"

    def copy(self, words: str) -> None:
        flags = [word for word in words.split() if word.startswith("--")]
        *sources, target = (word for word in words.split() if not word.startswith("--"))
        if any(flag.startswith("--from") for flag in flags):
            return  # both stages share this root
        for source in sources:
            place = self.inside(target)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__", ".yingda"))
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, place)

    def set_env(self, words: str) -> None:
        for key, value in re.findall(r"(\w+)=(\S*)", words):
            # python:3.11's own interpreter is this one; an unset build argument leaves pip's own setting
            if value and not value.startswith("${"):
                self.env[key] = self.words(value).replace("$PATH", self.env["PATH"])


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    image = Image(tmp_path_factory.mktemp("image"))
    shims = image.root / "usr/local/bin"
    shims.mkdir(parents=True)
    (shims / "python").symlink_to(sys.base_prefix + "/bin/python3")
    image.env["PATH"] = f"{shims}:/usr/bin:/bin"
    for step in steps():
        match step.name:
            case "WORKDIR":
                image.folder = image.inside(step.words)
                image.folder.mkdir(parents=True, exist_ok=True)
            case "ENV":
                image.set_env(step.words)
            case "COPY":
                image.copy(step.words)
            case "RUN" if not step.words.startswith("useradd"):
                image.run(step.words)
    return image


def instruction(name: str) -> str:
    return [step.words for step in steps() if step.name == name][-1]


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([hadolint, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


def test_the_final_stage_is_not_root_and_has_no_compiler() -> None:
    every = steps()
    final = every[max(i for i, step in enumerate(every) if step.name == "FROM") :]
    assert int(instruction("USER")) >= 1000
    assert not [step for step in final if re.search(r"apt-get|gcc|build-essential", step.words)]


@pytest.mark.timeout(600)
def test_the_installed_image_serves_is_healthy_and_stops_in_time(image: Image) -> None:
    command = json.loads(instruction("ENTRYPOINT")) + json.loads(instruction("CMD"))
    health = json.loads(instruction("HEALTHCHECK").split("CMD", 1)[1])
    port = str(free_port())
    env = {**image.env, "YINGDA_PORT": port, "YINGDA_HOST": "127.0.0.1"}
    executable = shutil.which(command[0], path=env["PATH"])
    assert executable is not None
    assert executable.startswith(str(image.root))
    log = image.root / "log"
    with (
        log.open("w") as out,
        subprocess.Popen(
            [executable, *command[1:]], cwd=image.inside("/bot"), env=env, stdout=out, stderr=out
        ) as process,
    ):
        try:
            deadline = time.monotonic() + START_S
            while subprocess.run(health, env=env, capture_output=True, check=False).returncode:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.3)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/chat", timeout=5) as page:
                assert page.status == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP_S) == 0, log.read_text()
        finally:
            process.kill()


def test_compose_publishes_no_database_and_waits_for_health() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    assert "ports" not in compose["services"]["mongo"]
    assert compose["services"]["bot"]["depends_on"] == {"mongo": {"condition": "service_healthy"}}
    assert all(":127." in f":{port}" for port in compose["services"]["bot"]["ports"])
