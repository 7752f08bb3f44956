"""What a channel is: bytes of a vendor -> `Parsed`, `Reply`s -> bytes of a vendor. No I/O; the clock is passed in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from adapters.message import Address, Content, Message, Reply


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
    (is the reply encrypted, whom it is from and to); it is persisted with the turn and holds no secret. A push is told
    of which `turn` it is and which `part` of that comes first: the same words of the same part are the same call."""

    kind: RouteKind
    data: Mapping[str, str] = field(default_factory=dict)


ANSWER_BYTES = 4 * 1024 * 1024
"""What the answer to a call of an API may have (a page of 1000 fetched messages is by far the longest); one that is a
file says how much more."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Bytes to send. For a passive route it is the response body and `url` is empty. For a push it is one call of the
    vendor's API: `url` is complete but for the access token, which the transport adds where `needs_token`. A `url` of
    `link:<frame id>` is a frame for the channel's WebSocket (see `Linked`); the vendor's word on it names that id."""

    body: bytes
    content_type: str
    url: str = ""
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    needs_token: bool = True
    answer_bytes: int = ANSWER_BYTES
    """At most so much of the answer is read, and one chunk more, by which it is known to be longer."""


@dataclass(frozen=True, slots=True)
class Messages:
    """Valid traffic: the messages in it (none for what needs no answer) and the passive route that is open; a route
    of another kind says that none is, and what is answered goes out as a push. `ack` answers the request where there
    is no passive reply; None: the word `success`."""

    messages: tuple[Message, ...]
    route: Route
    ack: Outgoing | None = None


@dataclass(frozen=True, slots=True)
class Challenge:
    """The vendor checks the URL: answer 200 with `body`."""

    body: str
    content_type: str = "text/plain"


@dataclass(frozen=True, slots=True)
class Pull:
    """The vendor only says that there is something to fetch (WeCom customer service `sync_msg`): of which `source`
    (its `open_kfid`), and the token that it gave for fetching. `ack` answers the request; None: the word
    `success`."""

    source: str
    token: str = ""
    ack: Outgoing | None = None


@dataclass(frozen=True, slots=True)
class Refresh:
    """The vendor polls for more of the streamed answer to the message `id` of `address`; `route` is this response."""

    address: Address
    id: str
    route: Route


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
    card_bytes: int = 0
    """Of the words above a card's buttons; 0: as `text_bytes`."""
    buttons: int = 0
    passive_s: float = 0.0
    """Seconds that the vendor keeps the inbound request open for an answer; 0: no passive answer."""
    passive_messages: int = 0
    push_count: int = 0
    """How many pushes one user message allows within `push_window_s`; 0: no quota."""
    push_window_s: float = 0.0
    link_buttons: bool = False
    """A card may have nothing but buttons that open pages."""
    markdown_chars: int = 0
    """A longer `Markdown` is shown as several; 0: one that is over `text_bytes` is degraded."""
    markdown_bytes: int = 0
    """Of Markdown; longer is split. 0: as `text_bytes`."""
    articles: int = 0
    """How many articles one `News` may hold; 0: any number."""
    media_only: bool = False
    """Images, voices, videos and files are shown by the vendor's media id alone; one with only a URL is degraded."""
    transfer_speaks: bool = True
    """The vendor tells the customer of a transfer; where it does not, the words of the reply are said before it."""
    custom_types: frozenset[str] = frozenset()
    """Values of `msgtype` in a `Custom` payload that are carried untouched even where `custom` is not in `shows`."""
    joins: Mapping[str, int] = field(default_factory=dict)
    """How many replies of a kind one passive body holds beside one another, all their words within `text_bytes`;
    none given: one reply, or texts joined by line breaks."""


Verdict = Literal["ok", "retry", "refresh", "elsewhere", "dead", "config"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a vendor's answer to a push means. retry: back off and send again; refresh: the access token is stale;
    elsewhere: this way out is closed for good, the next of `Pushing.push_routes` may be open; dead: never again,
    `reason` tells the operator why; config: as dead, and an alarm that the set-up is wrong. `receipt` is the vendor's
    id of what it took, by which it can be recalled."""

    verdict: Verdict
    reason: str = ""
    code: str = ""
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the vendor answered to one call. Header names are lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


LINK = "link:"
"""What the `url` of a frame for the channel's own WebSocket starts with."""


@dataclass(frozen=True, slots=True)
class Word:
    """The vendor's verdict on a frame of ours, and the frame that brought it (empty: none did)."""

    judgement: Judgement
    frame: str = ""


T = TypeVar("T")
Exchange: TypeAlias = Generator[Outgoing, Answer, T | Judgement]
"""One or more calls of a vendor's API without the I/O: yields each call, is sent the answer to it, returns what came of
them all, or the judgement why nothing did. Who runs it (`Transport.run`) adds the token and refreshes a stale one. The
answer to a frame (`link:`) is the frame that brought the vendor's word, with status 200."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often a vendor lets something be done: `count` times in `window_s` seconds, counted under `key`."""

    key: str
    count: int
    window_s: float


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
        """As `Channel.limits`, of a push by any of its ways; whatever fits `limits` fits these too."""
        ...

    @property
    def token_key(self) -> str:
        """The name of its access token in the `TokenVault`; other credentials have another name. Empty: no call of
        its needs a token."""
        ...

    def push_routes(self, address: Address, message: Message | None, now: float) -> tuple[Route, ...]:
        """The ways to push to `address` that are open at `now`, the best first; none where the account may not push.
        `message` is the newest that came from there, if any: what it brought with it (a session webhook, a window) may
        be such a way. Each route's `data` names its `way`."""
        ...

    def rates(self, route: Route) -> tuple[Rate, ...]:
        """What one call by `route` draws on. Counted over all processes before it is sent."""
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


@runtime_checkable
class Windowed(Protocol):
    """A channel that pushes freely only for a while after what the customer did, and otherwise only some kinds."""

    def carries(self, replies: Sequence[Reply], route: Route) -> bool:
        """Whether `replies` are what the way `route`, one of `push_routes`, is for."""
        ...

    def closed(self, message: Message | None, now: float) -> str:
        """Why there is no way for most replies, where `message` is the customer's newest: one sentence for operators;
        empty where there is."""
        ...


@runtime_checkable
class Recalling(Protocol):
    """A channel that can take back what it sent."""

    def recall(self, receipt: str, route: Route) -> Exchange[None]:
        """Recall what the vendor took by `route` and named `receipt`."""
        ...


@runtime_checkable
class Streaming(Protocol):
    """A channel whose open response may say that the answer is still being made: the vendor then polls (`Refresh`)."""

    @property
    def stream_s(self) -> float:
        """For how long after the message it polls."""
        ...

    @property
    def most_open(self) -> int:
        """How many answers to one sender (`Message.sender`, in whatever chat) may be polled for at a time; 0: any
        number. One more is acknowledged, and its answer is pushed."""
        ...

    def unfinished(self, said: str, route: Route) -> Outgoing | None:
        """The response that shows `said` so far (cumulative) and asks to be polled; None where this one cannot be (it
        answers an event): then it is acknowledged, and the answer is pushed."""
        ...


@dataclass(frozen=True, slots=True)
class Pulled:
    """One page of what there was to fetch, the cursor after it, and whether there is more. `owners`: conversations
    (by key) that people at the vendor have taken over (the name, which begins with `kf:`) or given back (empty), as
    they are before the messages are answered."""

    messages: tuple[Message, ...]
    cursor: str
    more: bool = False
    owners: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class Pulling(Protocol):
    """A channel whose messages are fetched: after a `Pull`, and at the start."""

    @property
    def sources(self) -> tuple[str, ...]:
        """What is pulled at the start, in case a signal was missed while nobody listened."""
        ...

    def pull(self, source: str, token: str, cursor: str, now: float) -> Exchange[Pulled]: ...


@dataclass(frozen=True, slots=True)
class LinkTerms:
    """`exclusive`: the vendor keeps one connection for the account and drops the one before; else every process has
    `connections` of its own. `ping_s`: how often we ping (0: the vendor does), `ack_s`: how long the vendor's word on a
    frame takes. `refusals`: after so many greetings refused in a row (verdict `config`) the link is given up."""

    exclusive: bool = False
    ping_s: float = 0.0
    ack_s: float = 5.0
    connections: int = 1
    refusals: int = 5


@dataclass(frozen=True, slots=True)
class Frame:
    """What one inbound frame means. `parsed` is made durable first, then `answers` are sent; `word` is the vendor's
    verdict on the frame of ours that it names; `then` says whether the connection is still good."""

    parsed: Parsed | None = None
    answers: tuple[str, ...] = ()
    word: tuple[str, Judgement] | None = None
    then: Literal["on", "reconnect", "stop"] = "on"
    reason: str = ""


@runtime_checkable
class Linked(Protocol):
    """A channel whose webhooks come over a WebSocket that we open to the vendor."""

    @property
    def link_terms(self) -> LinkTerms | None:
        """None where this account is set up for HTTP webhooks."""
        ...

    def dial(self) -> Exchange[str]:
        """Where to connect (with the ticket, if the vendor gives one: never logged)."""
        ...

    def greeting(self) -> Outgoing | None:
        """The frame that opens a new connection; its word must be `ok` before anything else is sent."""
        ...

    def ping(self) -> Outgoing | None:
        """The frame that keeps the connection alive, where it is ours to send."""
        ...

    def read(self, frame: str, now: float) -> Frame:
        """Never raises: what cannot be read is a `Frame` whose `parsed` is a `Reject`."""
        ...


MediaKind = Literal["image", "voice", "video", "file", "thumb"]
"""`thumb`: the still picture of a video, where the vendor keeps such apart from images."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way to a vendor. `content_type` is what its bytes were found to be."""

    kind: MediaKind
    name: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file at the vendor's, by its media id, and when that ends (epoch seconds; 0: never)."""

    media: str
    expires_at: float = 0.0


@dataclass(frozen=True, slots=True)
class MediaTerms:
    """What the vendor takes as one kind of media: at most so many bytes, of these content types (empty: any)."""

    max_bytes: int
    content_types: frozenset[str] = frozenset()


@runtime_checkable
class Carrying(Protocol):
    """A channel that keeps media under ids of its own."""

    @property
    def media_terms(self) -> Mapping[MediaKind, MediaTerms]:
        """The kinds that can be uploaded."""
        ...

    def upload(self, upload: Upload, now: float) -> Exchange[Uploaded]: ...

    def download(self, content: Content) -> Exchange[bytes]:
        """The bytes behind an inbound image, voice, video or file, decrypted where the vendor encrypts them."""
        ...


class Wires(Protocol):
    """The WebSockets that are open in this process."""

    async def send(self, channel: Channel, outgoing: Outgoing) -> Word:
        """Send a frame over the channel's connection and wait for the vendor's word; retry where there is none."""
        ...


class Transport(Protocol):
    """Speaks to vendors; never raises for what the network does."""

    async def post(self, channel: Channel, outgoing: Outgoing) -> Judgement:
        """Send one rendered push and say what the vendor made of it."""
        ...

    async def run(self, channel: Channel, exchange: Exchange[T]) -> T | Judgement:
        """Carry an exchange through."""
        ...
