"""What a channel is: bytes of a vendor -> `Parsed`, `Reply`s -> bytes of a vendor. No I/O; the clock is passed in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from adapters.message import Message, Reply


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as a channel sees it. Header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    remote: str = ""


RouteKind = Literal["passive", "push", "live"]


@dataclass(frozen=True, slots=True)
class Route:
    """A way out for replies: `passive` = the body of the open HTTP response, `push` = a call of the vendor's API,
    `live` = whoever watches the conversation (web pages). `data` is what the codec needs again to render for it
    (is the reply encrypted, whom it is from and to); it is persisted with the turn and holds no secret."""

    kind: RouteKind
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Messages:
    """Valid traffic: the messages in it (none for what needs no answer) and the passive route that is open."""

    messages: tuple[Message, ...]
    route: Route


@dataclass(frozen=True, slots=True)
class Challenge:
    """The vendor checks the URL: answer 200 with `body`."""

    body: str
    content_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Pull:
    """The vendor only says that there is something to fetch (WeCom customer service `sync_msg`)."""

    token: str
    account: str


@dataclass(frozen=True, slots=True)
class Refresh:
    """The vendor polls for more of a streamed answer."""

    stream: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Not valid traffic: answer `status` (4xx), log `reason` in one line; nothing is stored."""

    status: int
    reason: str


Parsed = Messages | Challenge | Pull | Refresh | Reject


@dataclass(frozen=True, slots=True)
class Limits:
    """What a channel can show and carry. `shows` are the reply kinds (class names in lower case) it renders as
    they are; every other kind is degraded in `adapters/degrade.py`."""

    shows: frozenset[str]
    text_bytes: int = 20480
    buttons: int = 0
    passive_s: float = 0.0
    """Seconds that the vendor keeps the inbound request open for an answer; 0: no passive answer."""
    passive_messages: int = 0
    push_count: int = 0
    """How many pushes one user message allows within `push_window_s`; 0: no quota."""
    push_window_s: float = 0.0
    articles: int = 0
    """How many articles one `News` may hold; 0: any number."""
    media_only: bool = False
    """Images, voices, videos and files are shown by the vendor's media id alone; one with only a URL is degraded."""
    custom_types: frozenset[str] = frozenset()
    """Values of `msgtype` in a `Custom` payload that are carried untouched even where `custom` is not in `shows`."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Bytes to send. For a passive route it is the response body and `url` is empty; for a push it is one call
    of the vendor's API: `url` is complete but for the access token, which the transport adds."""

    body: bytes
    content_type: str
    url: str = ""
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)


Verdict = Literal["ok", "retry", "refresh", "dead", "config"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a vendor's answer to a push means. retry: back off and send again; refresh: the access token is stale;
    dead: never again, `reason` tells the operator why; config: as dead, and an alarm that the set-up is wrong."""

    verdict: Verdict
    reason: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and when it ends (epoch seconds)."""

    value: str
    expires_at: float


class TokenVault(Protocol):
    """Access tokens shared by every process on a store."""

    async def get(self, key: str, fetch: Callable[[], Awaitable[Token]], stale: str | None = None) -> Token:
        """The token under `key`; fetched by one caller at a time (single flight across processes) where there is
        none, it is about to end, or it equals `stale` (the value that the vendor has just refused)."""
        ...


class Channel(Protocol):
    """A pure codec for one account of one vendor."""

    @property
    def name(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def limits(self) -> Limits: ...

    def parse(self, request: Request, now: float) -> Parsed: ...

    def render(self, replies: Sequence[Reply], route: Route) -> list[Outgoing]:
        """Replies that fit (see `adapters/degrade.py`) as vendor bytes. Passive: at most
        `limits.passive_messages` of them; push: one call each."""
        ...


@runtime_checkable
class Pushing(Protocol):
    """A channel that can also speak first, through the vendor's API."""

    @property
    def push_limits(self) -> Limits:
        """As `Channel.limits`, of a push; whatever fits `limits` fits these too."""
        ...

    @property
    def token_key(self) -> str:
        """The name of its access token in the `TokenVault`; other credentials have another name."""
        ...

    def push_route(self, message: Message) -> Route | None:
        """The push way back to whoever sent `message`; None where the account may not push."""
        ...

    def token_request(self) -> Outgoing:
        """The call that asks for an access token; its body may hold the secret, so it is never logged."""
        ...

    def token_of(self, body: bytes, now: float) -> Token | Judgement:
        """The answer to it at `now` (epoch seconds): the token, or why there is none (retry or config)."""
        ...

    def with_token(self, outgoing: Outgoing, token: str) -> Outgoing:
        """The push as it is sent: with the token where the vendor wants it."""
        ...

    def judge(self, status: int, body: bytes) -> Judgement:
        """What the answer to a push means; never raises, whatever the body is."""
        ...


class Transport(Protocol):
    """Sends one rendered push and says what the vendor made of it; never raises for what the network does."""

    async def post(self, channel: Channel, outgoing: Outgoing) -> Judgement: ...
