"""A person's phone before one account, the vendor behind it included, the same for every channel.

async with PHONES["wechat"].made_up() as phone:  # or PHONES["wechat"](account), an account on the loopback
    ...                                          # serve phone.account, tell phone.webhook where
    await phone.says("我要退款")
    phone.screen()                               # what is seen by now; a stream is longer the next time
"""

from __future__ import annotations

import secrets
import string
from abc import ABC, abstractmethod
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from bot.simulate.bubbles import Bubble, Tap
from bot.simulate.wire import Wire
from config.credentials import ACCOUNTS

LOOPBACK = ("127.0.0.1", "localhost", "::1")
FAILED = "the bot does not answer the vendor's callbacks: is it running, and are its keys the same?"


class NotHere(ValueError):
    """The vendor of this account cannot be played here; the text says why, and what to do."""


@dataclass
class Phone(ABC):
    """`webhook`: where the bot is called, once it is served; `group`: the group that is written in, empty for the bot
    alone; `mention`: with an @ of the bot; `repeat`: how often the vendor delivers everything; `speed`: how many times
    as fast the vendor's clocks run. Entered, its vendor answers on the loopback."""

    account: Any
    webhook: str = ""
    group: str = ""
    mention: bool = True
    repeat: int = 1
    speed: float = 1.0
    person: str = ""
    wire: Wire = field(init=False)

    channel: ClassVar[str]
    vendor: ClassVar[str]
    bases: ClassVar[tuple[str, ...]] = ("api_base",)
    """The account's fields that say where its vendor is."""
    groups: ClassVar[bool] = False
    """Whether the channel has groups in which the bot hears people."""
    sends: ClassVar[tuple[str, ...]] = ()
    """The endpoints that show people something, for `fail`."""
    who: ClassVar[str] = "customer"
    passive: ClassVar[bool] = False
    """The webhook's answer says something by itself: an account of the real vendor can be spoken with too."""

    def __post_init__(self) -> None:
        self.person = self.person or self.who
        self.wire = Wire.of(self.account)
        self._stack = AsyncExitStack()
        self._order: dict[str, None] = {}

    @classmethod
    def made_up(cls, **more: Any) -> Self:
        """A phone before an account that nobody has; its vendor is where there is room."""
        return cls(
            ACCOUNTS[cls.channel].model_validate(cls.keys() | dict.fromkeys(cls.bases, "http://127.0.0.1:0")), **more
        )

    @classmethod
    @abstractmethod
    def keys(cls) -> dict[str, Any]:
        """Keys of an account that is made up."""

    # --- the vendor ------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._place()
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @abstractmethod
    async def _start(self, stack: AsyncExitStack) -> None:
        """Play the vendor until `stack` is closed."""

    def _place(self) -> SplitResult:
        """Where the account looks for its vendor. Raises `NotHere`."""
        bases = self._bases()
        places = {getattr(self.account, base).rstrip("/") for base in bases}
        place = urlsplit(min(places)) if places else SplitResult("http", "127.0.0.1:0", "", "", "")
        if len(places) > 1 or place.hostname not in LOOPBACK or place.port is None:
            if self.passive:  # the bot's calls go to the real vendor, where nobody is who speaks here
                return SplitResult("http", "127.0.0.1:0", "", "", "")
            named = ", ".join(bases)
            raise NotHere(
                f"this account speaks with the real {self.vendor}: set its {named} to one address on this machine, "
                "e.g. http://127.0.0.1:5010"
            )
        return place

    def _bases(self) -> tuple[str, ...]:
        return self.bases

    @property
    def _where(self) -> dict[str, Any]:
        place = self._place()
        return {"host": place.hostname, "port": place.port}

    def _found_at(self, url: str) -> None:
        self.account = self.account.model_copy(update=dict.fromkeys(self._bases(), url))

    async def reached(self, timeout_s: float = 60.0) -> None:
        """Once the bot can be reached, where it is the bot that connects. Raises TimeoutError."""
        return

    @property
    def api(self) -> Any:
        """What has `fail` and `expire_tokens`; None where the bot calls nothing."""
        return None

    def fail(self, code: int | str, times: int) -> bool:
        """The next `times` messages are refused with `code`; False where the bot sends none of its own accord."""
        for endpoint in self.sends if self.api is not None else ():
            self.api.fail(endpoint, code, times)
        return bool(self.sends)

    def expire_tokens(self) -> bool:
        if self.api is None:
            return False
        self.api.expire_tokens()
        return True

    # --- the person ------------------------------------------------------------------------------------------
    # each returns "" or, for an operator, why the bot did not take it

    @abstractmethod
    async def says(self, text: str) -> str: ...

    @abstractmethod
    async def taps(self, bubble: Bubble, tap: Tap) -> str: ...

    @abstractmethod
    async def shows(self, picture: bytes, url: str) -> str:
        """A picture, which the vendor keeps at `url`."""

    @abstractmethod
    async def speaks(self, recognition: str) -> str:
        """A voice message, and what the vendor understood of it."""

    @abstractmethod
    async def enters(self) -> str:
        """Opens the chat, or follows the account."""

    async def does(self, event: str, key: str = "") -> str:
        """An event by the vendor's own name. Raises `NotHere` where events have no names to choose from."""
        raise NotHere(f"{self.vendor} ({self.channel}) has no event {event} of that kind; leave it out, or say --enter")

    @abstractmethod
    def bubbles(self) -> list[Bubble]:
        """What the bot has shown and not taken back."""

    def screen(self) -> list[Bubble]:
        """`bubbles` in the order in which they were first seen."""
        now = {bubble.id: bubble for bubble in self.bubbles()}
        self._order |= dict.fromkeys(now)
        return [now[id] for id in self._order if id in now]


def made_key() -> SecretStr:
    """An EncodingAESKey."""
    letters = string.ascii_letters + string.digits
    return SecretStr("".join(secrets.choice(letters) for _ in range(42)) + "A")


def made_token() -> SecretStr:
    return SecretStr(secrets.token_hex(12))
