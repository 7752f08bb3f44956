"""`run`, `shell`, `simulate` and `turns` as processes of their own, as a newcomer starts them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
START_S = 40
STOP_S = 12


def yingda(*words: str | Path, typed: str = "", env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", *map(str, words)],
        cwd=ROOT, env={**os.environ, **(env or {})}, input=typed, capture_output=True, text=True, timeout=90,
    )  # fmt: skip


@contextmanager
def running(
    project: Path, *words: str, env: dict[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A bot being served on a free port, and its address once it says so."""
    command = [sys.executable, "-u", "-m", "bot", "run", "--project", str(project), "--port", "0", *words]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            while not (found := re.search(r"Chat +(http://\S+)/chat", said)):
                line = process.stdout.readline()
                assert line, f"it ended: {said}"
                said += line
            yield process, found[1]
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def ask(url: str, text: str, sender: str = "test") -> list[str]:
    body = json.dumps({"sender": sender, "message": text}).encode()
    request = urllib.request.Request(f"{url}/webhooks/rest/webhook", body, {"Content-Type": "application/json"})
    deadline = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return [item.get("text", "") for item in json.load(answer)]
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serving") / "my-bot"
    assert yingda("init", folder).returncode == 0
    return folder


def test_run_trains_serves_answers_remembers_and_stops(project: Path) -> None:
    with running(project) as (process, url):
        assert ask(url, "你好")[0]
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_S) == 0
    log = yingda("turns", "list", "--project", project).stdout
    assert "< 你好" in log
    assert "sent" in log
    exported = yingda("turns", "export", "--project", project).stdout.splitlines()
    turn = json.loads(exported[-1])
    assert turn["message"]["content"] == {"kind": "text", "text": "你好"}
    replayed = yingda("turns", "replay", turn["id"], "--project", project).stdout
    assert [line.split(":")[0] for line in replayed.splitlines()] == ["then", "now"]


def test_two_processes_serve_one_port_and_one_that_dies_is_replaced(project: Path) -> None:
    with running(project, "--workers", "2") as (process, url):
        assert ask(url, "你好", "a")
        children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True)
        first, second = map(int, children.stdout.split())
        os.kill(first, signal.SIGKILL)
        assert [bool(ask(url, "你好", f"b{i}")) for i in range(5)] == [True] * 5
        deadline = time.monotonic() + START_S
        while True:
            now = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True)
            pids = set(map(int, now.stdout.split())) - {first}
            if len(pids) == 2:
                break
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert second in pids


def test_reload_takes_up_a_new_answer_and_survives_a_typo(project: Path, tmp_path: Path) -> None:
    bot = tmp_path / "bot"
    assert yingda("init", bot).returncode == 0
    domain = bot / "domain.yml"
    text = domain.read_text("utf-8")
    greeting = re.search(r"utter_greet\w*:\s*\n\s*- text: (.+)", text)
    assert greeting is not None
    with running(bot, "--reload", "--port", str(_free_port())) as (process, url):
        ask(url, "你好", "before")
        domain.write_text(text.replace("responses:", "respones:"), "utf-8")
        assert "did you mean 'responses'?" in _next_line(process, "respones")
        domain.write_text(text.replace(greeting[1], "新的问候语"), "utf-8")
        deadline = time.monotonic() + START_S
        while "新的问候语" not in " ".join(ask(url, "你好", f"after{time.monotonic()}")):
            assert time.monotonic() < deadline
            time.sleep(0.3)


def _next_line(process: subprocess.Popen[str], word: str) -> str:
    assert process.stdout is not None
    return next(line for line in process.stdout if word in line)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_bad_project_stops_the_start_with_one_line(project: Path, tmp_path: Path) -> None:
    assert yingda("init", tmp_path / "bad").returncode == 0
    (tmp_path / "bad" / "credentials.yml").write_text("wechat:\n  main: {app_id: x, token: t}\n", "utf-8")
    done = yingda("run", "--project", tmp_path / "bad")
    assert done.returncode == 2
    assert "credentials.yml:2" in done.stderr
    assert "43 characters" in done.stderr
    assert "Traceback" not in done.stderr


def test_shell_talks_and_shows_its_thinking(project: Path) -> None:
    yingda("train", "--project", project)
    done = yingda("shell", "--project", project, "--debug", typed="你好\n/quit\n")
    assert done.returncode == 0, done.stderr
    assert "intent" in done.stdout
    assert "flow" in done.stdout


def test_simulate_wechat_works_without_an_account(project: Path) -> None:
    yingda("train", "--project", project)
    done = yingda("simulate", "wechat", "你好", "--project", project, "--wait", "0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("< ")


def test_simulate_wechat_talks_to_a_served_account_encrypted_and_pushed(project: Path, tmp_path: Path) -> None:
    bot = tmp_path / "bot"
    assert yingda("init", bot).returncode == 0
    api = _free_port()
    account = {
        "app_id": "wx0000000000000001", "app_secret": "s", "token": "tok", "mode": "safe",
        "encoding_aes_key": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "api_base": f"http://127.0.0.1:{api}",
    }  # fmt: skip
    (bot / "credentials.yml").write_text(f"rest:\nwechat:\n  main: {json.dumps(account)}\n", "utf-8")
    with running(bot) as (_, url):
        webhook = f"{url}/webhooks/wechat/main"
        said = yingda("simulate", "wechat", "你好", "--project", bot, "--url", webhook, "--wait", "0")
        assert said.stdout.startswith("< "), said.stderr
        event = yingda("simulate", "wechat", "--event", "subscribe", "--project", bot, "--url", webhook, "--wait", "0")
        assert event.returncode == 0
        other = yingda("simulate", "wechat", "你好", "--account", "mian", "--project", bot)
        assert (other.returncode, "did you mean 'main'?" in other.stderr) == (2, True)


def test_a_port_that_is_in_use_is_one_line(project: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        for words in ((), ("--workers", "2"), ("--reload",)):
            done = yingda("run", "--project", project, "--port", str(port), *words)
            assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
            assert f"port {port} of 127.0.0.1 is in use" in done.stderr


def test_where_nothing_can_be_written_is_one_line(project: Path, tmp_path: Path) -> None:
    bot = tmp_path / "bot"
    assert yingda("init", bot).returncode == 0
    (bot / ".yingda").write_text("no folder", "utf-8")
    done = yingda("train", "--project", bot)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "cannot be written here" in done.stderr
