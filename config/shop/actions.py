"""What the sample shop can do. Each action is given a `call` and gives back the slots that it found out.

The shop's books are a small SQLite file in `.yingda/`: everybody who talks to the bot gets a copy of the sample
account in `sample.json`, so that two testers do not cancel each other's orders. In your own bot, this is where you
call your order system; pass `call.key` on to it, so that what must not happen twice does not.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from adapters.message import Button, Card
from flows import Invocation, action
from nlu.meaning import Entity

HERE = Path(__file__).parent
BOOKS = HERE / ".yingda" / "shop.db"
ZONE = ZoneInfo("Asia/Shanghai")
DAY_S = 86_400.0

RETURN_DAYS = 7
FAULT_DAYS = 30
SHIP_WITHIN_DAYS = 2
FAULT_WORDS = ("质量", "坏", "破", "裂", "漏", "没声音", "不响", "掉毛", "发错", "少发", "描述不符", "故障", "瑕疵")
BONUS = ((1000.0, 50.0), (500.0, 20.0))
SHOWN_ORDERS = 5
NEWEST_WORDS = ("最近的", "最近那", "最近一", "最近买", "最近下", "最新", "刚买", "刚下", "刚拍", "刚刚")

SIGNED_WORDS = ("签收", "收到", "到货", "到的")

STATES = {
    "unpaid": "待付款",
    "waiting": "已付款，等待发货",
    "shipped": "已发货，运输中",
    "signed": "已签收",
    "refunding": "退款处理中",
    "refunded": "已退款",
    "exchanging": "换货处理中",
    "cancelled": "已取消",
}

Account: TypeAlias = dict[str, Any]
Order: TypeAlias = dict[str, Any]
Slots: TypeAlias = dict[str, Any]
Work: TypeAlias = Callable[[Account], Slots]


# --- orders


@action(idempotent=True)
async def action_ask_order_id(call: Invocation) -> None:
    """Ask which order, with the latest ones as buttons."""

    def latest(account: Account) -> Slots:
        orders = sorted(account["orders"].items(), key=lambda item: -item[1]["ordered_at"])
        return {"shown": [(number, order["product"]) for number, order in orders[:SHOWN_ORDERS]]}

    shown = (await books(call, latest))["shown"]
    buttons = tuple(Button(f"{number} {product}", number) for number, product in shown)
    call.say(Card(text="请问您的订单号是多少？（DD 开头加 11 位数字，也可以从最近的订单里选）", buttons=buttons))


@action(idempotent=True)
async def action_find_order(call: Invocation) -> Slots:
    """Which order is described, by what was bought, when, or its parcel: 「昨天那个订单」「买的那件羽绒服」. None where
    several fit or none does, and nothing at all where nothing is described."""

    def find(account: Account) -> Slots:
        orders: dict[str, Order] = account["orders"]
        told = [each for each in call.meaning.entities if each.type in ("product", "time", "express_no")]
        signed = any(word in call.meaning.text for word in SIGNED_WORDS)
        newest = any(word in call.meaning.text for word in NEWEST_WORDS)
        if not told and not newest:
            return {}
        found = [number for number, order in orders.items() if all(fits(order, each, signed) for each in told)]
        if newest:
            found = sorted(found, key=lambda number: -orders[number]["ordered_at"])[:1]
        return {"order_id": found[0] if len(found) == 1 else None}

    return await books(call, find)


@action(idempotent=True)
async def action_lookup_order(call: Invocation) -> Slots:
    """An order of somebody else is `not_found` too: a stranger learns nothing from trying numbers."""

    def look(account: Account) -> Slots:
        number = order_number(call)
        order = account["orders"].get(number)
        if order is None:
            return {"order_id": number, "order_state": "not_found"}
        return {
            "order_id": number,
            "order_state": order["state"],
            "order_text": describe(order),
            "product": order["product"],
            "price": order["price"],
            "address": order["address"],
            "detail": aftersales(order, call.at) or None,
        }

    return await books(call, look)


@action(idempotent=True)
async def action_urge(call: Invocation) -> Slots:
    """Late parcels get a coupon, once for each order."""

    def urge(account: Account) -> Slots:
        order = account["orders"][order_number(call)]
        late = call.at - order["ordered_at"] > SHIP_WITHIN_DAYS * DAY_S
        if not late:
            due = order["ordered_at"] + SHIP_WITHIN_DAYS * DAY_S
            return {"detail": f"最晚 {day(due)} 会发出，发货后会通知您"}
        if not order.get("sorry"):
            order["sorry"] = True
            account["coupons"].append({"name": "无门槛 10 元", "ends_at": call.at + 30 * DAY_S})
        return {"detail": "已经超过 48 小时了，非常抱歉！今天一定发出，另送您一张 10 元无门槛优惠券"}

    return await books(call, urge)


@action(idempotent=True)
async def action_track(call: Invocation) -> Slots:
    """By parcel number if one was given, else by order."""

    def track(account: Account) -> Slots:
        wanted = str(call.slots.get("express_no") or "").upper()
        if wanted:
            order = next((each for each in account["orders"].values() if each.get("express_no") == wanted), None)
        else:
            order = account["orders"].get(order_number(call))
        if order is None or "trail" not in order:
            return {"detail": f"没有查到 {wanted or order_number(call)} 的物流，请核对一下单号。"}
        trail = "；".join(order["trail"])
        return {"detail": f"{order['product']}由{order['express']}承运，单号 {order['express_no']}。最新：{trail}。"}

    return await books(call, track)


@action(irreversible=True)
async def action_cancel_order(call: Invocation) -> Slots:
    def cancel(account: Account) -> Slots:
        order = account["orders"][order_number(call)]
        paid = order["state"] != "unpaid"
        order["state"] = "cancelled"
        return {"detail": f"{money(order['price'])} 元会在 1～3 个工作日原路退回" if paid else "没有产生扣款"}

    return await books(call, cancel)


@action(irreversible=True)
async def action_change_address(call: Invocation) -> Slots:
    def change(account: Account) -> Slots:
        account["orders"][order_number(call)]["address"] = call.slots["new_address"]
        return {"address": call.slots["new_address"]}

    return await books(call, change)


# --- after-sales


@action(idempotent=True)
async def action_check_return(call: Invocation) -> Slots:
    """Without a reason for 7 days after signing, for faults 30."""

    def check(account: Account) -> Slots:
        order = account["orders"][order_number(call)]
        days = int((call.at - order["signed_at"]) // DAY_S)
        fault = any(word in str(call.slots.get("refund_reason")) for word in FAULT_WORDS)
        allowed = days <= (FAULT_DAYS if fault else RETURN_DAYS)
        return {"verdict": "ok" if allowed else "too_late", "detail": f"已经签收 {days} 天"}

    return await books(call, check)


@action(irreversible=True)
async def action_refund(call: Invocation) -> Slots:
    return await open_ticket(call, "refunding")


@action(irreversible=True)
async def action_exchange(call: Invocation) -> Slots:
    return await open_ticket(call, "exchanging")


@action(irreversible=True)
async def action_withdraw(call: Invocation) -> Slots:
    def withdraw(account: Account) -> Slots:
        order = account["orders"][order_number(call)]
        for name in ("ticket", "applied_at"):
            order.pop(name, None)
        order["state"] = "signed"
        return {}

    return await books(call, withdraw)


@action(idempotent=True)
async def action_refund_progress(call: Invocation) -> Slots:
    def progress(account: Account) -> Slots:
        wanted = order_number(call)
        lines = [
            f"{order['product']}（{number}）{aftersales(order, call.at)}"
            for number, order in account["orders"].items()
            if "ticket" in order and (not wanted or number == wanted)
        ]
        if not lines:
            return {"detail": f"订单 {wanted} 没有在办的退款。" if wanted else "您没有正在办理的退款。"}
        return {"detail": "；\n".join(lines) + "。"}

    return await books(call, progress)


@action(irreversible=True)
async def action_complaint(call: Invocation) -> Slots:
    def register(account: Account) -> Slots:
        ticket = next_ticket(account, "TS")
        account["complaints"][ticket] = call.slots["complaint_text"]
        return {"ticket": ticket}

    return await books(call, register)


# --- account


@action(idempotent=True)
async def action_check_phone(call: Invocation) -> Slots:
    def compare(account: Account) -> Slots:
        return {"verdict": "ok" if call.slots.get("phone") == account["phone"] else "other"}

    return await books(call, compare)


@action(irreversible=True)
async def action_send_password_link(call: Invocation) -> Slots:
    def send(account: Account) -> Slots:
        account["links_sent"] += 1
        return {}

    return await books(call, send)


@action(idempotent=True)
async def action_balance(call: Invocation) -> Slots:
    return await books(call, lambda account: {"balance": account["balance"]})


@action(irreversible=True)
async def action_recharge(call: Invocation) -> Slots:
    def recharge(account: Account) -> Slots:
        amount = float(call.slots["amount"])
        bonus = next((extra for least, extra in BONUS if amount >= least), 0.0)
        account["balance"] = round(account["balance"] + amount + bonus, 2)
        return {"balance": account["balance"], "detail": f"，另送 {money(bonus)} 元" if bonus else None}

    return await books(call, recharge)


@action(idempotent=True)
async def action_coupons(call: Invocation) -> Slots:
    def show(account: Account) -> Slots:
        left = [each for each in account["coupons"] if each["ends_at"] > call.at]
        if not left:
            return {"detail": "您现在没有可用的优惠券，每月 8 号会员日可以领。"}
        lines = [f"· {each['name']}，{day(each['ends_at'])}到期" for each in left]
        return {"detail": f"您有 {len(left)} 张优惠券，结算时可用：\n" + "\n".join(lines)}

    return await books(call, show)


# --- invoices


@action(idempotent=True)
async def action_check_invoice(call: Invocation) -> Slots:
    def check(account: Account) -> Slots:
        order = account["orders"][order_number(call)]
        if order.get("invoice"):
            return {"verdict": "issued", "detail": f"抬头是「{order['invoice']}」"}
        return {"verdict": "no" if order["state"] in ("unpaid", "cancelled", "refunded") else "ok"}

    return await books(call, check)


@action(irreversible=True)
async def action_invoice(call: Invocation) -> Slots:
    def issue(account: Account) -> Slots:
        account["orders"][order_number(call)]["invoice"] = call.slots["invoice_title"]
        return {"ticket": next_ticket(account, "FP")}

    return await books(call, issue)


# --- wordings


def order_number(call: Invocation) -> str:
    return str(call.slots.get("order_id") or "").upper()


def fits(order: Order, wanted: Entity, signed: bool) -> bool:
    """Whether an order is of a product, made (or `signed` for) on a day or in a span of days, or in a parcel."""
    on = date_of(order.get("signed_at" if signed else "ordered_at"))
    match wanted.type, wanted.value:
        case "product", name:
            return wanted.text in str(order["product"]) or name == order["product"]
        case "express_no", number:
            return str(order.get("express_no")) == str(number).upper()
        case _, {"from": str(first), "to": str(last)}:
            return first[:10] <= on <= last[:10]
        case _, moment:
            return on == str(moment)[:10]


def date_of(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, ZONE).date().isoformat()


def describe(order: Order) -> str:
    return f"{order['product']}，{money(order['price'])} 元，{day(order['ordered_at'])}下单，{STATES[order['state']]}。"


def aftersales(order: Order, now: float) -> str:
    if "ticket" not in order:
        return ""
    if order["state"] == "exchanging":
        return f"换货已受理，售后单号 {order['ticket']}"
    waited = int((now - order["applied_at"]) // DAY_S)
    step = "等待审核" if waited < 1 else "审核已通过，退款将在 1～3 个工作日原路退回"
    return f"退款 {money(order['price'])} 元{step}，售后单号 {order['ticket']}"


def money(amount: float) -> str:
    return f"{amount:.2f}".removesuffix(".00")


def day(at: float) -> str:
    moment = datetime.fromtimestamp(at, ZONE)
    return f"{moment.month} 月 {moment.day} 日"


# --- the books


async def open_ticket(call: Invocation, state: str) -> Slots:
    def open_one(account: Account) -> Slots:
        ticket = next_ticket(account, "TK")
        account["orders"][order_number(call)] |= {"state": state, "ticket": ticket, "applied_at": call.at}
        return {"ticket": ticket}

    return await books(call, open_one)


def next_ticket(account: Account, prefix: str) -> str:
    account["tickets"] += 1
    return f"{prefix}{account['tickets']:04}"


async def books(call: Invocation, work: Work) -> Slots:
    """Run `work` on the customer's account in one transaction. What a call did once is not done again."""
    return await asyncio.to_thread(Ledger(BOOKS).once, call.address.conversation, call.key, call.at, work)


@dataclass(frozen=True, slots=True)
class Ledger:
    file: Path

    def once(self, customer: str, key: str, at: float, work: Work) -> Slots:
        self.file.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(self.file, timeout=5, isolation_level=None)) as db:
            db.executescript(
                "CREATE TABLE IF NOT EXISTS account (customer TEXT PRIMARY KEY, data TEXT NOT NULL);"
                "CREATE TABLE IF NOT EXISTS done (key TEXT PRIMARY KEY, result TEXT NOT NULL);"
            )
            db.execute("BEGIN IMMEDIATE")
            try:
                result = self._once(db, customer, key, at, work)
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")
            return result

    def _once(self, db: sqlite3.Connection, customer: str, key: str, at: float, work: Work) -> Slots:
        done = db.execute("SELECT result FROM done WHERE key = ?", (key,)).fetchone()
        if done:
            remembered: Slots = json.loads(done[0])
            return remembered
        row = db.execute("SELECT data FROM account WHERE customer = ?", (customer,)).fetchone()
        account = json.loads(row[0]) if row else open_account(at)
        before = json.dumps(account)
        result = work(account)
        after = json.dumps(account)
        if after != before or not row:
            db.execute("INSERT OR REPLACE INTO account VALUES (?, ?)", (customer, after))
            db.execute("INSERT INTO done VALUES (?, ?)", (key, json.dumps(result)))
        return result


def open_account(at: float) -> Account:
    """The sample account, its 「days ago」 counted back from `at`: from then on it ages like a real one."""
    account: Account = json.loads((HERE / "sample.json").read_text("utf-8"))
    account |= {"tickets": 1000, "complaints": {}, "links_sent": 0}
    for coupon in account["coupons"]:
        coupon["ends_at"] = at + coupon.pop("ends_in_days") * DAY_S
    for order in account["orders"].values():
        order["ordered_at"] = days_before(at, order.pop("days_ago"))
        for name in ("signed", "applied"):
            if f"{name}_days_ago" in order:
                order[f"{name}_at"] = days_before(at, order.pop(f"{name}_days_ago"))
    return account


def days_before(at: float, days: int) -> float:
    return (datetime.fromtimestamp(at, UTC) - timedelta(days=days)).timestamp()
