"""`simulate` says plainly that nobody answers."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.cli import cli

CREDENTIALS = """
wechat:
  main: {app_id: wx1, token: t, mode: plain, api_base: "https://api.example"}
"""


def test_a_bot_that_does_not_answer_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.simulate.wechat.CUT_S", 0.01)  # the vendor's five seconds between two POSTs
    (tmp_path / "domain.yml").write_text('version: "3.1"\n', "utf-8")
    (tmp_path / "credentials.yml").write_text(CREDENTIALS, "utf-8")
    webhook = "http://127.0.0.1:1/webhooks/wechat/main"
    done = CliRunner().invoke(cli, ["simulate", "wechat", "在吗", "--project", str(tmp_path), "--url", webhook])
    assert done.exit_code == 1
    assert done.output.startswith("! ")
    assert "no server there" in done.output


DINGTALK = """
dingtalk:
  main: {{client_id: c, client_secret: s, mode: http, api_base: "{0}", oapi_base: "{0}", gateway: "{0}"}}
"""


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def dingtalk(project: Path, base: str, *more: str) -> Result:
    (project / "domain.yml").write_text('version: "3.1"\n', "utf-8")
    (project / "credentials.yml").write_text(DINGTALK.format(base), "utf-8")
    return CliRunner().invoke(cli, ["simulate", "dingtalk", "在吗", "--project", str(project), "--wait", "0", *more])


def test_a_bot_that_does_not_take_dingtalks_callbacks_is_a_failure(tmp_path: Path, free_port: int) -> None:
    done = dingtalk(tmp_path, f"http://127.0.0.1:{free_port}", "--url", "http://127.0.0.1:1/webhooks/dingtalk/main")
    assert done.exit_code == 1
    assert "does not answer" in done.output


def test_what_is_typed_in_another_encoding_is_sent_as_it_can_be_read(tmp_path: Path, free_port: int) -> None:
    base, where = f"http://127.0.0.1:{free_port}", "http://127.0.0.1:1/webhooks/dingtalk/main"
    (tmp_path / "domain.yml").write_text('version: "3.1"\n', "utf-8")
    (tmp_path / "credentials.yml").write_text(DINGTALK.format(base), "utf-8")
    words = ["simulate", "dingtalk", "--project", str(tmp_path), "--wait", "0", "--url", where]
    done = CliRunner().invoke(cli, words, input="你好\n".encode("gbk"))
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "does not answer" in done.output


def test_the_real_dingtalk_is_never_played(tmp_path: Path) -> None:
    done = dingtalk(tmp_path, "https://api.dingtalk.com")
    assert done.exit_code == 2
    assert "on this machine" in done.output


REAL = """
dingtalk:
  main: {client_id: ding1, client_secret: s}
"""


def test_an_account_of_the_real_vendor_is_left_alone_and_how_to_play_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "domain.yml").write_text('version: "3.1"\n', "utf-8")
    (tmp_path / "credentials.yml").write_text(REAL, "utf-8")
    done = CliRunner().invoke(cli, ["simulate", "dingtalk", "在吗", "--project", str(tmp_path)])
    assert done.exit_code == 2
    assert "api_base, oapi_base, gateway to one address on this machine" in " ".join(done.output.split())


def test_an_account_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "domain.yml").write_text('version: "3.1"\n', "utf-8")
    (tmp_path / "credentials.yml").write_text(REAL, "utf-8")
    done = CliRunner().invoke(cli, ["simulate", "dingtalk", "在吗", "--account", "mian", "--project", str(tmp_path)])
    assert done.exit_code == 2
    assert "no dingtalk account 'mian'" in done.output


@pytest.mark.parametrize("verb", ["wechat", "wecom", "wecom-bot", "wecom-kf", "dingtalk", "feishu", "page"])
def test_there_is_a_verb_for_each_vendor(verb: str) -> None:
    assert CliRunner().invoke(cli, ["simulate", verb, "--help"]).exit_code == 0
