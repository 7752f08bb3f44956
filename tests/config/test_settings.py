"""Settings and credentials, and what is said of a mistake in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.credentials import load_credentials
from config.settings import Settings, load_settings
from config.source import BadProject

KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


def write(project: Path, text: str) -> Path:
    (project / "credentials.yml").write_text(text, encoding="utf-8")
    return project


def test_settings_come_from_prefixed_variables() -> None:
    settings = load_settings({"YINGDA_PORT": "8080", "YINGDA_STORE": "", "HOME": "/x"})
    assert (settings.port, settings.store, settings.host) == (8080, "", "127.0.0.1")


def test_a_misspelt_variable_is_named_with_the_near_miss() -> None:
    with pytest.raises(BadProject, match="YINGDA_STOER is no setting — did you mean 'YINGDA_STORE'"):
        load_settings({"YINGDA_STOER": "x"})


def test_a_time_zone_that_is_none_is_named() -> None:
    with pytest.raises(BadProject, match="YINGDA_TIMEZONE: no time zone of this name"):
        load_settings({"YINGDA_TIMEZONE": "Mars/Olympus"})


def test_a_wrong_value_is_named() -> None:
    with pytest.raises(BadProject, match=r"YINGDA_PORT: .*integer.*it is 'many'"):
        load_settings({"YINGDA_PORT": "many"})


def test_secrets_do_not_show_in_a_repr() -> None:
    assert "hush" not in repr(load_settings({"YINGDA_CONSOLE_TOKEN": "hush", "YINGDA_ALERT_URL": "https://hush"}))


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_every_setting_does_something() -> None:
    bot = Path(__file__).parents[2] / "bot"
    code = "".join(path.read_text("utf-8") for path in bot.rglob("*.py"))
    assert [name for name in Settings.model_fields if f"settings.{name}" not in code] == []


def test_a_project_without_credentials_serves_pages_and_rest(tmp_path: Path) -> None:
    credentials = load_credentials(tmp_path)
    assert credentials.wechat == {}
    assert credentials.rest is not None


def test_accounts_by_name_and_a_single_one_rasa_style(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WX_KEY", KEY)
    shop = f"  shop: {{app_id: wx1, token: t, encoding_aes_key: '{KEY}'}}"
    named = f"wechat:\n{shop}\n  vip: {{app_id: wx2, token: t, mode: plain}}\n"
    assert set(load_credentials(write(tmp_path, named)).wechat) == {"shop", "vip"}
    single = "wechat:\n  app_id: wx1\n  token: t\n  encoding_aes_key: ${WX_KEY}\n"
    (account,) = load_credentials(write(tmp_path, single)).wechat.items()
    assert account[0] == "main"
    assert account[1].encoding_aes_key.get_secret_value() == KEY


def test_a_short_aes_key_says_how_long_it_is_and_does_not_print_it(tmp_path: Path) -> None:
    write(tmp_path, "wechat:\n  main:\n    app_id: wx1\n    token: t\n    encoding_aes_key: tooshort\n")
    with pytest.raises(BadProject) as caught:
        load_credentials(tmp_path)
    line = str(caught.value)
    assert "credentials.yml:5" in line
    assert "this one has 8" in line
    assert "tooshort" not in line


def test_a_typo_in_an_account_is_named_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "wechat:\n  main:\n    app_id: wx1\n    tokn: t\n    mode: plain\n")
    with pytest.raises(BadProject, match=r"credentials\.yml:4: unknown key 'tokn' — did you mean 'token'"):
        load_credentials(tmp_path)


def test_channels_of_others_are_kept_to_be_named_in_a_warning(tmp_path: Path) -> None:
    write(tmp_path, "rest:\nslack:\n  slack_token: x\nmy.channel.Class:\n")
    assert load_credentials(tmp_path).others == ("slack", "my.channel.Class")


def test_a_misspelt_channel_is_named_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "rset:\n")
    with pytest.raises(BadProject, match=r"credentials\.yml:1: unknown channel 'rset' — did you mean 'rest'"):
        load_credentials(tmp_path)
