"""What a vendor's API answered: the verdict is in the body's errcode, by a table of the vendor's codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from adapters.channel import Judgement, Token, Verdict
from adapters.fields import Malformed, load_json
from adapters.message import Json

RETRY_STATUS = frozenset((408, 425, 429))
ADDRESS = re.compile(r"[0-9a-fA-F:.]{2,45}")
SHOWN = 120
"""Characters of the vendor's own words that a reason repeats, for codes that are not in the table."""


@dataclass(frozen=True)
class Errcodes:
    """`table`: errcode -> what to do, and the sentence for the operator (0 is there, and `ok`). `with_address`: codes
    whose words name the address that was refused. `keys` and `base` are the account's settings to look at where no
    token is given, or the answer is no vendor's."""

    vendor: str
    table: Mapping[int, tuple[Verdict, str]]
    with_address: frozenset[int] = frozenset()
    keys: str = "app_id and app_secret"
    base: str = "api_base"

    def judge(self, status: int, body: bytes) -> Judgement:
        """What the answer to a call means. HTTP 200 alone means nothing."""
        if status in RETRY_STATUS or status >= 500:
            return Judgement("retry", f"{self.vendor}'s API answered HTTP {status}", str(status))
        answer = read_json(body)
        if answer is None or status != 200:
            what = f"HTTP {status}" if status != 200 else "something else than JSON"
            return Judgement("retry" if status == 200 else "config", f"{what} was the answer: is {self.base} right?")
        code = answer.get("errcode", 0)
        return self.of(code if isinstance(code, int) else -1, str(answer.get("errmsg", "")))

    def of(self, code: int, words: str) -> Judgement:
        """What `code` with the vendor's own `words` means."""
        verdict, reason = self.table.get(code, ("dead", f"{self.vendor} refuses it: {bounded(words)}"))
        if code in self.with_address and (address := address_in(words)):
            reason = f"{reason} ({address})"
        return Judgement(verdict, f"{code}: {reason}" if reason else "", str(code))

    def token(self, body: bytes, now: float) -> Token | Judgement:
        """The answer to a token request; `now` in epoch seconds."""
        answer = read_json(body)
        if answer is None:
            return Judgement("retry", f"the token endpoint answered something else than JSON: is {self.base} right?")
        value, seconds = answer.get("access_token"), answer.get("expires_in")
        if isinstance(value, str) and value and isinstance(seconds, int):
            return Token(value, now + seconds)
        code = answer.get("errcode", -1)
        judged = self.of(code if isinstance(code, int) else -1, str(answer.get("errmsg", "")))
        if judged.verdict in ("retry", "config"):
            return judged
        # here a stale token cannot be the matter: refreshing it would ask the same again
        return Judgement("config", f"{code}: no access token: are {self.keys} right?", str(code))


def address_in(words: str) -> str:
    """The first IP address in the vendor's words; empty where there is none."""
    for word in ADDRESS.findall(words):
        try:
            return str(ip_address(word.rstrip(".:")))
        except ValueError:
            continue
    return ""


def bounded(words: str) -> str:
    """In one line, and without anything as long as a token, or in digits as a telephone number."""
    return re.sub(r"[\w-]{24,}|[0-9]{7,}", "…", " ".join(words.split()))[:SHOWN]


def read_json(body: bytes) -> dict[str, Json] | None:
    """The object in `body`; None where it is something else."""
    try:
        answer = load_json(body)
    except Malformed:
        return None
    return answer if isinstance(answer, dict) else None
