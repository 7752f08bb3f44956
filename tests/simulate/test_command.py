"""`simulate wechat` says plainly that nobody answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

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
