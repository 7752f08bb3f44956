"""Settings: what the operator of the service sets, from `YINGDA_*` environment variables and the project's files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.source import BadProject, Problem, Strict, did_you_mean, said

DEFAULT_PROJECT = Path(__file__).parent / "shop"


JwtMethod = Literal["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]


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
        SecretStr(""), description="WeCom or DingTalk group robot webhook that is told of alerts (see deploy.md)"
    )
    alert_secret: SecretStr = Field(SecretStr(""), description="the DingTalk robot's signing secret, where it has one")
    trusted_proxies: str = Field("", description="comma-separated addresses whose X-Forwarded-For is believed")
    timezone: str = Field("Asia/Shanghai", description="time zone in which 明天 and 下午三点 are meant")
    session_minutes: float = Field(
        0, ge=0, description="override of the domain's session expiry; 0: as the domain says"
    )
    retention_days: float = Field(
        180, ge=0, description="sent and dead turns and broadcasts older than this are deleted; 0: keep all"
    )
    timestamp_window_s: float = Field(300, ge=0, description="how far a webhook's timestamp may be off; 0: not checked")
    pull_since_s: float = Field(
        60, ge=0, description="messages to fetch that are older than this at the very first start are not answered"
    )
    opt_out_words: str = Field(
        "退订,TD",
        description="words by which people refuse broadcasts, with commas between; none: no such words",
    )
    opt_in_words: str = Field("订阅", description="words that undo it, with commas between")
    daily_sends: str = Field(
        "", description="how many people an account may be sent a broadcast a day: wecom/main=20000,wechat/main=1000"
    )
    api_token: SecretStr = Field(
        SecretStr(""), description="bearer token for /api/send (see proactive.md); empty: the API is off"
    )
    enable_api: bool = Field(False, description="serve Rasa's HTTP API (see from-rasa.md) without a token, too")
    auth_token: SecretStr = Field(
        SecretStr(""), description="Rasa's HTTP API with this ?token= (Rasa's --auth-token); empty: no such token"
    )
    jwt_secret: SecretStr = Field(
        SecretStr(""), description="Rasa's HTTP API with JWTs of this secret or public key (Rasa's --jwt-secret)"
    )
    jwt_method: JwtMethod = Field("HS256", description="how those JWTs are signed (Rasa's --jwt-method)")
    workers: int = Field(1, ge=1, description="processes to serve with")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")
    log_format: Literal["text", "json"] = Field("text", description="log lines for people or for machines")
    media_max_mb: float = Field(20, gt=0, le=200, description="largest picture, voice, video or file that is kept")
    media_types: str = Field(
        "", description="comma-separated content types that are kept (image/*, application/pdf); empty: any"
    )
    media_days: float = Field(
        0, ge=0, description="files older than this are deleted; 0: with the turns (YINGDA_RETENTION_DAYS)"
    )
    media_allow: str = Field(
        "", description="comma-separated host, host:port or network of our own that files may be fetched from"
    )
    media_eager: str = Field(
        "wecom_bot", description="comma-separated channels whose files are fetched at once: their addresses soon die"
    )
    public_url: str = Field(
        "", description="the service's https address as customers reach it, for links to files; empty: no such links"
    )
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


class TrackerStore(Strict):
    type: str = ""
    url: str = ""
    db: str = "yingda"
    username: str = ""
    password: SecretStr = SecretStr("")
    auth_source: str = "admin"


class ActionEndpoint(Strict):
    """`action_endpoint:` of endpoints.yml: a Rasa action server."""

    url: str
    token: SecretStr = SecretStr("")
    basic_auth: Mapping[str, str] = Field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = Field(default_factory=dict, repr=False)
    enable_selective_domain: bool = False
    """The domain is sent to actions marked `send_domain: true` alone."""
    timeout: float = Field(default=60.0, gt=0, le=300)
    """Seconds; then the turn goes on without the action."""
    compress: bool = False
    """Long requests are sent deflated."""
    cafile: str = ""


class RecognizerEndpoint(Strict):
    """`asr:` or `vision:` of endpoints.yml: an HTTP service that finds the words in a voice message or a picture."""

    url: str
    timeout: float = Field(default=2.5, gt=0, le=60)
    """Seconds for fetching the file and finding the words; then the message goes on without."""
    token: SecretStr = SecretStr("")


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
