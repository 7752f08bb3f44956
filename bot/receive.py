"""Hops 1 to 3: an HTTP request of a vendor becomes turns that are durable, and is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from aiohttp import web

from adapters.channel import Challenge, Channel, Messages, Outgoing, Pull, Refresh, Reject, Request
from bot import faults
from bot.inbox import Busy, Inbox, turn_id, turn_of
from bot.log import Log
from bot.metrics import Metrics
from bot.passive import Answer, Passive
from bot.store import StoreDown

__all__ = ["Busy", "Inbox", "Proxies", "Webhook", "turn_id", "turn_of"]

MAX_BODY_BYTES = 64 * 1024
SUCCESS = "success"
"""Acknowledges without a reply. https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Passive_user_reply_message.html"""
RETRY_AFTER_S = "1"


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies whose X-Forwarded-For is believed."""

    trusted: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def of(cls, text: str) -> Proxies:
        """Comma-separated addresses or networks. Raises ValueError for one that is neither."""
        return cls(tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip()))

    def remote(self, peer: str, forwarded_for: str) -> str:
        """The client's address: the last one in the chain that no trusted proxy vouches for."""
        address = peer
        for hop in reversed([hop.strip() for hop in forwarded_for.split(",") if hop.strip()]):
            if not self._trusts(address):
                break
            address = hop
        return address

    def remote_of(self, request: web.Request) -> str:
        """The address that `request` comes from."""
        return self.remote(request.remote or "", ",".join(request.headers.getall("X-Forwarded-For", ())))

    def _trusts(self, address: str) -> bool:
        try:
            ip = ip_address(address)
        except ValueError:
            return False
        return any(ip in network for network in self.trusted)


@dataclass(frozen=True)
class Webhook:
    """The handler of one account's webhook URL."""

    channel: Channel
    passive: Passive
    inbox: Inbox
    metrics: Metrics
    log: Log
    clock: Callable[[], float]
    proxies: Proxies = field(default_factory=Proxies)
    pull: Callable[[Channel, Pull], None] | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        arrived = asyncio.get_running_loop().time()
        received = await self._read(request)
        parsed = received if isinstance(received, Reject) else self.channel.parse(received, self.clock())
        match parsed:
            case Challenge(body, content_type):
                return web.Response(text=body, content_type=content_type)
            case Messages() | Refresh():
                return await self._take_in(request, parsed, arrived)
            case Pull() if self.pull is not None:
                self.pull(self.channel, parsed)
                return _response(parsed.ack)
            case Reject(status, reason):
                return self._refuse(request, status, reason)
            case _:
                return self._refuse(request, 400, f"{type(parsed).__name__} is not served here")

    async def _take_in(self, request: web.Request, parsed: Messages | Refresh, arrived: float) -> web.StreamResponse:
        try:
            match parsed:
                case Refresh():
                    answer = await self.passive.refresh(self.channel, parsed, arrived)
                case Messages((message,)) if self._answers(parsed):
                    answer = await self.passive.answer(self.channel, message, parsed.route, arrived)
                    if answer.outgoing is None:
                        answer = replace(answer, outgoing=parsed.ack)
                case Messages(messages):
                    for message in messages:
                        await self.inbox.accept(message)
                    answer = Answer(parsed.ack)
        except Busy:
            return _come_again("busy")
        except StoreDown as down:
            self.metrics.store_down()
            self.log.warning("store down, the vendor is asked to come again", channel=self._name, error=str(down))
            return _come_again("the store is down")
        return await self._write(request, answer)

    def _answers(self, parsed: Messages) -> bool:
        """Whether the response can carry an answer."""
        return bool(self.channel.limits.passive_messages) and parsed.route.kind == "passive"

    async def _write(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        if answer.close:
            if request.transport is not None:
                request.transport.close()
            return web.Response()
        response = _response(answer.outgoing)
        if answer.notes:
            faults.reach("before_send")
            written = await _written(request, response)
            faults.reach("after_send")
            try:
                await self.passive.note(answer, written=written)
            except StoreDown as down:
                self.log.warning("store down, a reply may go out twice", channel=self._name, error=str(down))
        return response

    async def _read(self, request: web.Request) -> Request | Reject:
        if (request.content_length or 0) > MAX_BODY_BYTES:
            return Reject(413, f"the body has {request.content_length} bytes, {MAX_BODY_BYTES} are the most")
        body = await request.content.read(MAX_BODY_BYTES + 1)
        while len(body) <= MAX_BODY_BYTES and not request.content.at_eof():
            body += await request.content.read(MAX_BODY_BYTES + 1 - len(body))
        if len(body) > MAX_BODY_BYTES:
            return Reject(413, f"the body has more than {MAX_BODY_BYTES} bytes")
        return Request(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            remote=self.proxies.remote_of(request),
        )

    def _refuse(self, request: web.Request, status: int, reason: str) -> web.Response:
        self.metrics.rejected(self.channel.name, status)
        self.log.warning(
            "request refused", channel=self._name, status=status, reason=reason, remote=self.proxies.remote_of(request)
        )
        return web.Response(status=status, text=reason)

    @property
    def _name(self) -> str:
        return f"{self.channel.name}/{self.channel.account}"


def _response(outgoing: Outgoing | None) -> web.Response:
    if outgoing is None:
        return web.Response(text=SUCCESS)
    return web.Response(body=outgoing.body, content_type=outgoing.content_type, charset="utf-8")


def _come_again(why: str) -> web.Response:
    return web.Response(status=503, text=why, headers={"Retry-After": RETRY_AFTER_S})


async def _written(request: web.Request, response: web.Response) -> bool:
    """Write `response` now; False where the vendor has hung up meanwhile."""
    if request.transport is None or request.transport.is_closing():
        return False
    try:
        await response.prepare(request)
        await response.write_eof()
    except (ConnectionError, OSError):
        return False
    return True
