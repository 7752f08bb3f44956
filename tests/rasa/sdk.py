"""A real rasa-sdk server, in an environment of its own: it pins packages that ours has in other versions."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import mongod

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements-rasa-sdk.txt"
HOME = ROOT / ".venv-rasa-sdk"
ACTIONS = Path(__file__).parent / "sdk_actions"
INSTALLS_S, STARTS_S = 300.0, 60.0


def python() -> Path:
    """The interpreter that has rasa-sdk, which is installed where it is not yet. Skips where it cannot be had; in CI
    that fails."""
    if why := install():
        pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
    return HOME / "bin" / "python"


def install() -> str:
    """Why it cannot be installed; empty where it is there."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    mark = HOME / "installed"
    if mark.is_file() and mark.read_text() == wanted:
        return ""
    shutil.rmtree(HOME, ignore_errors=True)
    pip = [str(HOME / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        for command in ([sys.executable, "-m", "venv", str(HOME)], [*pip, "-r", str(REQUIREMENTS)]):
            subprocess.run(command, check=True, capture_output=True, timeout=INSTALLS_S)
    except (OSError, subprocess.SubprocessError) as error:
        why = getattr(error, "stderr", None) or b""
        last = why.decode(errors="replace").strip().rpartition("\n")[2] or str(error)
        return f"rasa-sdk cannot be installed into {HOME.name} ({last})"
    mark.write_text(wanted)
    return ""


@contextmanager
def serving(log: Path) -> Iterator[str]:
    """The address of a server with the actions of `sdk_actions`; what it writes goes to `log`."""
    (port,) = mongod.free_ports(1)
    more = {"SANIC_HOST": "127.0.0.1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    command = [str(python()), "-m", "rasa_sdk", "--actions", "actions", "-p", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ACTIONS, env={**os.environ, **more}, stdout=out, stderr=out)
        try:
            _wait(f"http://127.0.0.1:{port}/health", process, log)
            yield f"http://127.0.0.1:{port}/webhook"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTS_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"the action server did not start:\n{log.read_text(errors='replace')[-2000:]}")


if __name__ == "__main__":
    # before the tests, so that none of them has to wait for it; what is missing they tell themselves
    print(install() or f"rasa-sdk is in {HOME.name}")
