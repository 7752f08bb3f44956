"""Settings: what the operator of the service sets, from `YINGDA_*` environment variables and the project's files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.source import BadProject, Loc, Problem, Strict, check, did_you_mean, environment, read_yaml, said

DEFAULT_PROJECT = Path(__file__).parent / "shop"


class Settings(BaseSettings):
    """Every `YINGDA_*` variable. The descriptions are the docs' table."""

    model_config = SettingsConfigDict(env_prefix="YINGDA_", frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 for every interface")
    port: int = Field(5005, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    store: str = Field(
        "", description="mongodb://… or sqlite:///path; empty: SQLite under the project's .yingda/, or endpoints.yml"
    )
    console_token: SecretStr = Field(
        SecretStr(""), description="token for /console; empty: a new one is made and printed at each start"
    )
    alert_url: SecretStr = Field(
        SecretStr(""), description="WeCom or DingTalk group robot webhook told of handoffs and dead turns"
    )
    alert_secret: SecretStr = Field(SecretStr(""), description="the DingTalk robot's signing secret, where it has one")
    trusted_proxies: str = Field("", description="comma-separated addresses whose X-Forwarded-For is believed")
    timezone: str = Field("Asia/Shanghai", description="time zone in which 明天 and 下午三点 are meant")
    session_minutes: float = Field(
        0, ge=0, description="override of the domain's session expiry; 0: as the domain says"
    )
    retention_days: float = Field(180, ge=0, description="sent and dead turns older than this are deleted; 0: keep all")
    timestamp_window_s: float = Field(300, ge=0, description="how far a webhook's timestamp may be off; 0: not checked")
    workers: int = Field(1, ge=1, description="processes to serve with")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")
    log_format: Literal["text", "json"] = Field("text", description="log lines for people or for machines")
    cors_origins: str = Field(
        "", description="comma-separated origins whose pages may use the REST and chat API; * for any"
    )

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, LookupError):
            raise ValueError("no time zone of this name; write one as Asia/Shanghai") from None
        return name


class WeChatAccount(Strict):
    """One WeChat official account in credentials.yml."""

    app_id: str
    app_secret: SecretStr = SecretStr("")
    token: SecretStr
    encoding_aes_key: SecretStr = SecretStr("")
    previous_encoding_aes_key: SecretStr = SecretStr("")
    """The key before the last change in the console: WeChat goes on using it for a while."""
    mode: Literal["plain", "compatible", "safe"] = "safe"
    push: bool | Literal["auto"] = "auto"
    transfer: bool = False
    """The account has WeChat's own customer-service console: 转人工 hands over to it."""
    api_base: str = "https://api.weixin.qq.com"

    @model_validator(mode="after")
    def _has_a_key(self) -> WeChatAccount:
        key = self.encoding_aes_key.get_secret_value()
        if self.mode != "plain" and len(key) != 43:
            raise ValueError(
                f"mode {self.mode} needs the 43 characters of encoding_aes_key (this one has {len(key)}); "
                "copy it from the account's console, or set mode: plain"
            )
        for given in (key, self.previous_encoding_aes_key.get_secret_value()):
            if given and not re.fullmatch(r"[A-Za-z0-9+/]{43}", given):
                raise ValueError(
                    "an encoding_aes_key is 43 letters and digits; copy it again from the account's console"
                )
        return self


class Rest(Strict):
    """Rasa's REST channel has no settings."""


class Credentials(Strict):
    """credentials.yml: the channels to serve, each with its accounts by name."""

    wechat: Mapping[str, WeChatAccount] = {}
    rest: Rest | None = None
    others: tuple[str, ...] = ()
    """Channels of a Rasa project that are not served here; they are named in a warning."""


class TrackerStore(Strict):
    type: str = ""
    url: str = ""
    db: str = "yingda"
    username: str = ""
    password: SecretStr = SecretStr("")
    auth_source: str = "admin"


def variable(name: str) -> str:
    """`store` -> `YINGDA_STORE`."""
    return f"YINGDA_{name.upper()}"


ELSEWHERE = {"project", "fault"}
"""`YINGDA_*` variables that others read: the command line's default project, and the crash tests' fault point."""


def load_settings(env: Mapping[str, str]) -> Settings:
    """Raises `BadProject` naming the variable that is wrong or not known."""
    given = {key[7:].lower(): value for key, value in env.items() if key.startswith("YINGDA_") and value != ""}
    known = set(Settings.model_fields)
    unknown = sorted(given.keys() - known - ELSEWHERE)
    if unknown:
        raise BadProject(
            Problem("environment", 1, f"{name} is no setting", did_you_mean(name, map(variable, known)))
            for name in map(variable, unknown)
        )
    try:
        return Settings.model_validate({key: value for key, value in given.items() if key in known})
    except ValidationError as error:
        raise BadProject(
            Problem("environment", 1, f"{variable(str(d['loc'][0]))}: {said(d)}", f"it is {d['input']!r}")
            for d in error.errors()
        ) from None


KNOWN_CHANNELS = ("wechat", "rest")
RASA_CHANNELS = frozenset(
    (
        "socketio", "callback", "rasa", "cmdline", "slack", "facebook", "telegram", "twilio", "twilio_voice",
        "botframework", "rocketchat", "mattermost", "webexteams", "hangouts", "google_hangouts",
    )
)  # fmt: skip
"""Names that a Rasa project may have in its file, besides the dotted path of a class of its own."""


def load_credentials(project: Path) -> Credentials:
    """`credentials.yml` with `${ENV}` filled in; a project without the file serves the web pages and REST.

    `wechat:` holds accounts by name, or one account's keys directly, which is then called `main`.
    """
    path = project / "credentials.yml"
    if not path.is_file():
        return Credentials(rest=Rest())
    source = read_yaml(path, environment(project))
    data: dict[str, Any] = source.data or {}
    if not isinstance(data, dict):
        raise BadProject(source.problem((), "channels are expected here", "write e.g. 'rest:' on a line of its own"))
    problems: list[Problem] = []
    accounts: dict[str, WeChatAccount] = {}
    wechat = data.get("wechat") or {}
    single = "app_id" in wechat or "token" in wechat
    for name in ("main",) if single else tuple(wechat):
        loc: Loc = ("wechat",) if single else ("wechat", name)
        try:
            accounts[name] = check(source, WeChatAccount, loc)
        except BadProject as bad:
            problems.extend(bad.problems)
    others = [key for key in data if key not in KNOWN_CHANNELS]
    for key in others:
        if key not in RASA_CHANNELS and "." not in key:
            problems.append(source.problem((key,), f"unknown channel '{key}'", did_you_mean(key, KNOWN_CHANNELS)))
    if problems:
        raise BadProject(problems)
    return Credentials(wechat=accounts, rest=Rest() if "rest" in data else None, others=tuple(others))
