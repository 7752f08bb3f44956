"""What the console shows, as plain values for its templates. Pure; times become text in the bot's time zone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from adapters.message import (
    Address,
    Card,
    Content,
    Custom,
    Event,
    File,
    Image,
    Json,
    Link,
    Location,
    Markdown,
    News,
    Reply,
    Text,
    Transfer,
    Typing,
    Video,
    Voice,
)
from bot.store import Conversation
from bot.turn import Session, Status, Turn
from flows.state import snake_case
from nlu.meaning import Entity, Meaning

CHANNELS = {
    "wechat": "微信", "wecom": "企业微信", "wecom_bot": "企业微信智能机器人", "wecom_kf": "微信客服",
    "wecom_robot": "企业微信群机器人", "dingtalk": "钉钉", "dingtalk_robot": "钉钉群机器人", "feishu": "飞书",
    "web": "网页", "rest": "REST", "socketio": "网页（Socket.IO）", "callback": "回调",
}  # fmt: skip
FATES: dict[Status, str] = {
    "new": "待处理", "ready": "待发送", "sending": "发送中", "sent": "已送达", "dead": "发送失败",
}  # fmt: skip
FLAGS = {"handoff": "转人工", "fallback": "没听懂", "error": "出错", "completed": "已办结", "cancelled": "已取消"}
FLAGS |= {"flood": "群消息过多，未回答", "opted_out": "已退订", "opted_in": "已恢复订阅"}
KINDS = {"event": "事件", "timer": "定时", "operator": "人工", "push": "推送"}
RANKING_SHOWN = 5
PREVIEW_CHARS = 60


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of the user's text; `entity` where it is one."""

    text: str
    entity: Entity | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """One reply or content, drawn plainly: words, a picture's or page's address, buttons."""

    text: str
    kind: str = "text"
    url: str = ""
    buttons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the conversation list."""

    key: str
    channel: str
    user: str
    preview: str
    when: str
    turns: int
    waiting: bool
    owner: str
    status: Status
    fate: str
    flags: tuple[str, ...]


MOOD_TITLES = {"sentiment": "情绪", "urgency": "紧急", "complaint": "投诉倾向"}


@dataclass(frozen=True, slots=True)
class Step:
    """One turn of the transcript."""

    id: str
    at: float
    when: str
    kind: str
    who: str
    pieces: tuple[Piece, ...]
    content: Said | None
    title: str
    intent: str
    confidence: float
    ranking: tuple[tuple[str, float], ...]
    answers: tuple[tuple[str, float], ...]
    entities: tuple[tuple[str, str, str], ...]
    """(name, value, extractor); what gave way to one stands below it."""
    mood: tuple[tuple[str, float], ...]
    model: str
    replies: tuple[Said, ...]
    flow: str
    status: Status
    fate: str
    flags: tuple[tuple[str, str], ...]
    attempts: int
    error: str
    took: str
    route: str
    trace: tuple[tuple[str, str, str], ...]
    commands: tuple[tuple[str, str], ...]
    raw: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the conversation stands now: the flows under way, the slots, who speaks."""

    flows: tuple[tuple[str, str], ...]
    slots: tuple[tuple[str, str], ...]
    mentions: tuple[tuple[str, str], ...]
    owner: str
    rev: int
    misses: int


def pieces(text: str, entities: Sequence[Entity]) -> tuple[Piece, ...]:
    """`text` cut at its entities. Where two overlap the earlier and then the longer is shown; offsets outside the
    text are passed over."""
    cut: list[Piece] = []
    end = 0
    for entity in sorted(entities, key=lambda e: (e.start, -e.end)):
        if end <= entity.start < entity.end <= len(text):
            cut += [Piece(text[end : entity.start])] * (entity.start > end)
            cut.append(Piece(text[entity.start : entity.end], entity))
            end = entity.end
    return tuple(cut + [Piece(text[end:])] * (end < len(text)))


def said(thing: Content | Reply) -> Said:
    """Anything that came in or went out."""
    match thing:
        case Text(text):
            return Said(text)
        case Markdown() | Link() | Card() | News():
            return _titled(thing)
        case Image() | Voice() | Video() | File():
            return _media(thing)
        case Location():
            return Said(f"{thing.label or thing.poi} ({thing.latitude}, {thing.longitude})".strip(), "位置")
        case Event(name, key):
            return Said(" ".join(filter(None, (name, key))), "事件")
        case Transfer(text):
            return Said(text, "转人工")
        case Typing():
            return Said("正在输入", "状态")
        case Custom(payload):
            return Said(plainly(payload), "自定义")


def _media(thing: Image | Voice | Video | File) -> Said:
    match thing:
        case Image(alt=words):
            kind = "图片"
        case Voice(recognition=words):
            kind = "语音"
        case Video(title=words):
            kind = "视频"
        case File(name=words):
            kind = "文件"
    return Said(words or thing.media or thing.url, kind, thing.url)


def _titled(thing: Markdown | Link | Card | News) -> Said:
    match thing:
        case Markdown(text, title):
            return Said("\n".join(filter(None, (title, text))), "Markdown")
        case Link():
            return Said("\n".join(filter(None, (thing.title, thing.description, thing.url))), "链接", thing.url)
        case Card():
            text = "\n".join(filter(None, (thing.title, thing.text)))
            return Said(text, "卡片", thing.url, tuple(button.title for button in thing.buttons))
        case News(articles):
            return Said("\n".join(f"{article.title} {article.url}" for article in articles), "图文")


def plainly(value: Json) -> str:
    """A value as one reads it: words as they are, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def row(conversation: Conversation, now: float, zone: ZoneInfo) -> Row:
    latest = conversation.latest
    address = Address.of(conversation.key)
    return Row(
        key=conversation.key,
        channel=channel(address),
        user=person(latest, address),
        preview=_preview(latest),
        when=when(latest.at, now, zone),
        turns=conversation.turns,
        waiting=conversation.waiting,
        owner=conversation.owner,
        status=latest.status,
        fate=FATES[latest.status],
        flags=tuple(FLAGS.get(flag, flag) for flag in latest.flags if flag != "handoff"),
    )


def channel(address: Address) -> str:
    name = CHANNELS.get(address.channel, address.channel)
    return name if address.account == "main" else f"{name} · {address.account}"


def person(turn: Turn | None, address: Address) -> str:
    if turn is not None and turn.message is not None and turn.message.sender_name:
        return turn.message.sender_name
    return f"访客 {address.user[:6]}" if address.channel == "web" else address.user


def _preview(turn: Turn) -> str:
    things: Iterable[Content | Reply] = [turn.message.content] if turn.message else turn.replies
    text = next((" ".join(said(thing).text.split()) for thing in things), "")
    return text if len(text) <= PREVIEW_CHARS else text[: PREVIEW_CHARS - 1] + "…"


def when(at: float, now: float, zone: ZoneInfo) -> str:
    """14:05:09 today, else 11-20 14:05, else 2025-11-20 14:05."""
    then, today = datetime.fromtimestamp(at, zone), datetime.fromtimestamp(now, zone)
    if then.date() == today.date():
        return then.strftime("%H:%M:%S")
    return then.strftime("%m-%d %H:%M" if then.year == today.year else "%Y-%m-%d %H:%M")


def step(turn: Turn, now: float, zone: ZoneInfo) -> Step:
    message, meaning = turn.message, turn.meaning or Meaning("")
    raw: Any = message.raw if message else None
    text = message.text if message else ""
    marked = pieces(text, meaning.entities if meaning.text == text else ())
    return Step(
        id=turn.id,
        at=turn.at,
        when=when(turn.at, now, zone),
        kind=KINDS.get(turn.kind, ""),
        who=(message.sender_name or message.sender) if message and not turn.address.user else "",
        pieces=marked,
        content=said(message.content) if message and not isinstance(message.content, Text) else None,
        title=str(raw["title"]) if isinstance(raw, dict) and raw.get("title") else "",
        intent=meaning.intent,
        confidence=meaning.confidence,
        ranking=tuple((intent.name, intent.confidence) for intent in meaning.ranking[:RANKING_SHOWN]),
        answers=tuple((found.key, found.confidence) for found in meaning.answers[:RANKING_SHOWN]),
        entities=tuple(row for entity in meaning.entities for row in _rows(entity)),
        mood=tuple((MOOD_TITLES.get(name, name), value) for name, value in meaning.signals.items()),
        model=meaning.model,
        replies=tuple(map(said, turn.replies)),
        flow=turn.flow,
        status=turn.status,
        fate=FATES[turn.status],
        flags=tuple((flag, FLAGS.get(flag, flag)) for flag in turn.flags),
        attempts=turn.attempts,
        error=turn.error,
        took=_took(turn),
        route={"passive": "被动回复", "push": "主动推送", "live": "网页"}[turn.route.kind] if turn.route else "",
        trace=tuple((why.what, why.why, "" if why.data is None else plainly(why.data)) for why in turn.trace),
        commands=tuple(_command(command) for command in turn.commands),
        raw=json.dumps(raw, ensure_ascii=False, indent=2, default=str) if raw else "",
    )


def _rows(entity: Entity) -> Iterator[tuple[str, str, str]]:
    yield _label(entity), plainly(entity.value), entity.extractor
    for other in entity.also:
        yield f"↳ {_label(other)}", plainly(other.value), other.extractor


def _label(entity: Entity) -> str:
    return "/".join(filter(None, (entity.type, entity.role, entity.group)))


def _command(command: Any) -> tuple[str, str]:
    values = (getattr(command, name) for name in command.__dataclass_fields__)
    return snake_case(type(command)), " ".join(plainly(value) for value in values)


def _took(turn: Turn) -> str:
    """From accepted to ready, for those who look for what is slow."""
    if not turn.ready_at or not turn.accepted:
        return ""
    ms = max(0.0, turn.ready_at - turn.accepted) * 1000
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def standing(session: Session | None) -> Standing:
    if session is None:
        return Standing((), (), (), "", 0, 0)
    dialogue = session.dialogue
    return Standing(
        flows=tuple((frame.flow, frame.waiting) for frame in reversed(dialogue.stack)),
        slots=_values(dialogue.slots.items()),
        mentions=_values(dialogue.mentions.items()),
        owner=session.owner,
        rev=session.rev,
        misses=dialogue.misses,
    )


def _values(items: Iterable[tuple[str, Json]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, plainly(value)) for name, value in items if value is not None)
