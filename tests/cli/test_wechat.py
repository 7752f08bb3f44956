"""What an operator types for an official account: its menu, its QR codes, and whether it is set up rightly."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from adapters.wechat.account import LARGEST, LARGEST_PERMANENT
from bot.cli import cli
from bot.simulate import WeChatApi
from bot.simulate.wechat_account import PICTURE

MENU = """\
button:
  - {name: 查订单, say: 我要查订单}
  - name: 更多
    sub_button:
      - {name: 人工客服, say: /handoff}
      - {name: 官网, url: "https://example.com/?a=1"}
      - {name: 商城, appid: wx01, pagepath: pages/index, url: "https://example.com/m"}
      - {name: 扫一扫, type: scancode_waitmsg, key: SCAN}
      - {name: 手册, media_id: m1}
  - {name: 退款, key: refund}
conditional:
  - matchrule: {tag_id: "2"}
    button:
      - {name: 会员, say: 会员权益}
  - matchrule: {client_platform_type: "1"}
    button:
      - {name: 苹果, article_id: a1}
"""

ONE = "button:\n  - {name: 甲, say: a}\n"
OPENS = "button:\n  - name: 甲\n    sub_button:\n"


@pytest.fixture
def api() -> Iterator[WeChatApi]:
    """The vendor in a thread of its own: a command runs a loop of its own."""
    server, ready, loop = WeChatApi(), threading.Event(), asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with server:
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    yield server
    loop.call_soon_threadsafe(over.set)
    thread.join(10)
    loop.close()


@pytest.fixture
def project(api: WeChatApi, tmp_path: Path) -> Path:
    account = {
        "app_id": api.app_id, "app_secret": api.app_secret, "token": "t", "mode": "plain",
        "api_base": api.url, "mp_base": api.url,
    }  # fmt: skip
    (tmp_path / "credentials.yml").write_text(yaml.safe_dump({"wechat": {"main": account}}))
    (tmp_path / "domain.yml").write_text("version: '3.1'\n")
    (tmp_path / "wechat-menu.yml").write_text(MENU, "utf-8")
    return tmp_path


def wechat(project: Path, *words: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["wechat", *words, "--project", str(project)], input=typed)


# --- the menu


def test_the_menu_of_the_file_becomes_the_live_one(api: WeChatApi, project: Path) -> None:
    pushed = wechat(project, "menu", "push", "--yes")
    assert (pushed.exit_code, "Pushed." in pushed.output) == (0, True), pushed.output
    assert "+- name: 查订单" in pushed.output
    assert api.account.menu is not None
    orders, more, refund = api.account.menu["button"]
    assert orders == {"type": "click", "name": "查订单", "key": "我要查订单"}
    assert refund == {"type": "click", "name": "退款", "key": "refund"}
    assert [each["type"] for each in more["sub_button"]] == [
        "click", "view", "miniprogram", "scancode_waitmsg", "media_id",
    ]  # fmt: skip
    assert more["sub_button"][2] == {
        "type": "miniprogram", "name": "商城", "appid": "wx01", "pagepath": "pages/index", "url": "https://example.com/m"
    }  # fmt: skip
    assert "type" not in more

    again = wechat(project, "menu", "push", "--yes")
    assert (again.exit_code, again.output) == (0, "Nothing to change.\n")


def test_the_first_conditional_menu_that_matches_is_shown(api: WeChatApi, project: Path) -> None:
    assert wechat(project, "menu", "push", "--yes").exit_code == 0
    api.account.people |= {"both": {"tag_id": "2", "client_platform_type": "1"}, "apple": {"client_platform_type": "1"}}

    def seen(openid: str) -> str:
        found = api.account._match({"user_id": openid})
        assert isinstance(found, dict)
        return str(found["button"][0]["name"])

    assert [seen(openid) for openid in ("both", "apple", "else")] == ["会员", "苹果", "查订单"]


def test_what_is_shown_can_be_written_into_the_file(project: Path) -> None:
    assert wechat(project, "menu", "push", "--yes").exit_code == 0
    shown = wechat(project, "menu", "show")
    assert "# wechat-menu.yml says the same" in shown.stdout
    live = yaml.safe_load(shown.stdout)
    assert live["button"][0] == {"name": "查订单", "say": "我要查订单"}
    assert [each["matchrule"] for each in live["conditional"]] == [{"tag_id": "2"}, {"client_platform_type": "1"}]
    (project / "wechat-menu.yml").write_text(shown.stdout, "utf-8")
    assert wechat(project, "menu", "push", "--yes").output == "Nothing to change.\n"


def test_a_change_is_shown_and_asked_for_before_it_is_made(api: WeChatApi, project: Path) -> None:
    assert "there is no menu" in wechat(project, "menu", "show").stdout
    dry = wechat(project, "menu", "push", "--dry-run")
    assert (dry.exit_code, api.account.menu) == (0, None)
    no = wechat(project, "menu", "push", typed="n\n")
    assert (no.exit_code, api.account.menu) == (1, None)
    assert wechat(project, "menu", "push", typed="y\n").exit_code == 0
    (project / "wechat-menu.yml").write_text("button:\n  - {name: 查询, say: 我要查订单}\n", "utf-8")
    changed = wechat(project, "menu", "push", "--yes")
    assert "-- name: 查订单\n+- name: 查询" in changed.output
    assert "-conditional:" in changed.output
    assert api.account.conditional == []


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("button:\n  - {name: 甲, say: a}\n  - {nme: 乙, say: b}\n", 3, "did you mean 'name'?"),
        ("button:\n  - {name: 一二三四五六, say: a}\n", 2, "16 bytes"),
        (f"{OPENS}      - {{name: {'长' * 21}, say: a}}\n", 4, "60 bytes"),
        ("button:\n  - {name: 甲, type: veiw, url: 'https://a'}\n", 2, "did you mean 'view'?"),
        ("button:\n  - {name: 甲, type: view}\n", 2, "needs 'url'"),
        ("button:\n  - {name: 甲}\n", 2, "needs 'key' or 'say'"),
        ("button:\n  - {name: 甲, url: ftp://a}\n", 2, "http:// or https://"),
        ("button:\n  - {name: 甲, url: 'https://a', key: K}\n", 2, "has no 'key'"),
        ("button:\n  - {name: 甲, say: a, key: K}\n", 2, "give 'say' alone"),
        (f"button:\n  - {{name: 甲, say: {'长' * 43}}}\n", 2, "128 bytes"),
        ("button:\n" + "  - {name: 甲, say: a}\n" * 4, 1, "3 items"),
        ("button: []\n", 1, "1 item"),
        (OPENS + "      - {name: 乙, say: a}\n" * 6, 3, "5 items"),
        (f"{OPENS}      - {{name: 乙, sub_button: [{{name: 丙, say: a}}]}}\n", 4, "unknown key 'sub_button'"),
        ("button:\n  - name: 甲\n    key: K\n    sub_button:\n      - {name: 乙, say: a}\n", 2, "only opens"),
        (f"{ONE}conditional:\n  - matchrule: {{}}\n    button: [{{name: 甲, say: a}}]\n", 4, "tag_id"),
        (f"{ONE}conditional:\n  - button: [{{name: 甲, say: a}}]\n", 4, "'matchrule' is missing"),
        ("conditional: []\n", 1, "'button' is missing"),
        ("button: [\n", 2, "not valid YAML"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_named_with_its_line(
    api: WeChatApi, project: Path, text: str, line: int, words: str
) -> None:
    (project / "wechat-menu.yml").write_text(text, "utf-8")
    pushed = wechat(project, "menu", "push", "--yes")
    assert pushed.exit_code == 2
    assert f"wechat-menu.yml:{line}: " in pushed.stderr, pushed.stderr
    assert words in pushed.stderr
    assert api.account.menu is None


def test_what_the_vendor_refuses_is_said_in_one_line(api: WeChatApi, project: Path) -> None:
    api.fail("menu", 48001)
    shown = wechat(project, "menu", "show")
    assert shown.exit_code == 1
    assert shown.stderr.startswith("main: 48001: ")
    assert api.app_secret not in shown.output


# --- QR codes


@pytest.mark.parametrize(
    ("words", "key", "works"),
    [
        (["7"], "7", "30 days"),
        (["7", "--days", "3"], "7", "3 days"),
        (["shop-door"], "shop-door", "30 days"),
        (["门店一", "--permanent"], "门店一", "for good"),
        ([str(LARGEST + 1)], str(LARGEST + 1), "30 days"),
        ([str(LARGEST_PERMANENT + 1), "--permanent"], str(LARGEST_PERMANENT + 1), "for good"),
        (["007"], "007", "30 days"),
    ],
)
def test_a_qr_code_leads_to_its_scene(
    api: WeChatApi, project: Path, tmp_path: Path, words: list[str], key: str, works: str
) -> None:
    out = tmp_path / "code.png"
    made = wechat(project, "qr", *words, "--out", str(out))
    assert made.exit_code == 0, made.output
    assert list(api.account.scenes.values()) == [key]
    assert works in made.stdout
    assert out.read_bytes() == PICTURE


def test_a_scene_that_cannot_be_is_refused_before_anybody_is_asked(api: WeChatApi, project: Path) -> None:
    made = wechat(project, "qr", "长" * 65)
    assert (made.exit_code, api.calls["qr"]) == (2, 0)
    assert "64 characters" in made.stderr


# --- is it set up rightly


def test_a_good_account_is_found_good(api: WeChatApi, project: Path) -> None:
    api.account.servicers = ["kf1@shop"]
    api.account.used["/cgi-bin/message/custom/send"] = 12
    found = wechat(project, "check")
    assert found.exit_code == 0, found.output
    assert [line.split()[0] for line in found.stdout.splitlines()] == ["ok"] * 4
    assert "1 servicer" in found.stdout
    assert "12 of 500000 used today, 499988 are left" in found.stdout


def test_an_address_that_is_not_allowed_is_named(api: WeChatApi, project: Path) -> None:
    api.fail("token", 40164)
    found = wechat(project, "check")
    assert found.exit_code == 1
    assert "203.0.113.7" in found.stdout
    assert found.stdout.startswith("FAIL token")


def test_what_the_account_may_not_do_is_said_and_fails_only_where_it_is_needed(api: WeChatApi, project: Path) -> None:
    api.fail("kf", 48001, times=2)
    found = wechat(project, "check")
    assert found.exit_code == 0
    assert "no   customer service" in found.stdout
    credentials = project / "credentials.yml"
    data = yaml.safe_load(credentials.read_text())
    data["wechat"]["main"]["push"] = True
    credentials.write_text(yaml.safe_dump(data))
    found = wechat(project, "check")
    assert found.exit_code == 1
    assert "FAIL customer service" in found.stdout


def test_an_account_that_is_not_there_is_a_usage_error(project: Path) -> None:
    found = wechat(project, "check", "--account", "mian")
    assert found.exit_code == 2
    assert "did you mean 'main'?" in found.stderr
