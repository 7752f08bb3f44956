"""Who may come in: throttles, origins, and the console's door."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.web.login import STAY_S, Door
from bot.web.origins import Origins
from bot.web.throttle import KEYS_KEPT, Throttle


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class TestThrottle:
    def test_a_burst_passes_and_the_rest_waits_for_the_refill(self) -> None:
        clock = Clock()
        throttle = Throttle(3, 0.5, clock)
        assert [throttle.allows("a") for _ in range(4)] == [True, True, True, False]
        clock.now += 1.9
        assert not throttle.allows("a")
        clock.now += 0.2
        assert throttle.allows("a")
        assert not throttle.allows("a")

    def test_each_key_has_its_own_bucket(self) -> None:
        throttle = Throttle(1, 0.1, Clock())
        assert throttle.allows("a")
        assert throttle.allows("b")
        assert not throttle.allows("a")

    def test_a_clock_that_goes_back_gives_nothing(self) -> None:
        clock = Clock()
        throttle = Throttle(1, 1, clock)
        throttle.allows("a")
        clock.now -= 100
        assert not throttle.allows("a")

    def test_many_keys_do_not_fill_the_memory(self) -> None:
        throttle = Throttle(1, 0, Clock())
        for key in range(KEYS_KEPT + 50):
            throttle.allows(str(key))
        assert len(throttle._buckets) == KEYS_KEPT

    @given(st.lists(st.floats(0, 10), max_size=50))
    def test_never_more_than_the_burst_and_the_refill(self, waits: list[float]) -> None:
        clock = Clock()
        throttle = Throttle(4, 0.5, clock)
        passed = 0
        for wait in waits:
            clock.now += wait
            passed += throttle.allows("k")
        assert passed <= 4 + 0.5 * sum(waits) + 1e-6


class TestOrigins:
    def test_our_own_pages_and_clients_without_an_origin_may(self) -> None:
        origins = Origins.read("")
        assert origins.admits("http://bot.example:5005", "bot.example:5005")
        assert origins.admits("", "bot.example")
        assert not origins.admits("https://evil.example", "bot.example")
        assert not origins.admits("null", "bot.example")
        assert not origins.admits("https://bot.example.evil.example", "bot.example")

    def test_named_sites_may_and_may_hold_us_in_a_frame(self) -> None:
        origins = Origins.read(" https://shop.example/, http://localhost:3000 ")
        assert origins.admits("https://shop.example", "bot.example")
        assert not origins.admits("http://shop.example", "bot.example")
        assert origins.frame_ancestors == "'self' http://localhost:3000 https://shop.example"
        assert origins.cors("https://shop.example")["Access-Control-Allow-Origin"] == "https://shop.example"
        assert origins.cors("https://evil.example") == {}

    def test_a_star_is_anyone(self) -> None:
        origins = Origins.read("*")
        assert origins.admits("https://any.example", "bot.example")
        assert origins.frame_ancestors == "*"
        assert origins.cors("https://any.example")["Access-Control-Allow-Origin"] == "*"

    @pytest.mark.parametrize("text", ["shop.example", "https://a.example/path", "https://a; script-src *", "ftp://a"])
    def test_what_is_no_origin_is_named(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"is no origin: write https://shop\.example"):
            Origins.read(text)


class TestDoor:
    def test_only_the_token_opens(self) -> None:
        door = Door("s3cret-token", Clock())
        assert door.knows("s3cret-token")
        assert door.knows(" s3cret-token\n")
        for wrong in ("", "s3cret", "s3cret-tokens", "S3CRET-TOKEN", "令牌"):
            assert not door.knows(wrong)

    def test_without_a_token_nobody_gets_in(self) -> None:
        door = Door("", Clock())
        assert door.closed
        assert not door.knows("")
        assert not door.admits(door.cookie())

    def test_a_cookie_lasts_its_time_and_survives_a_restart(self) -> None:
        clock = Clock()
        cookie = Door("t", clock).cookie()
        door = Door("t", clock)
        assert door.admits(cookie)
        clock.now += STAY_S - 1
        assert door.admits(cookie)
        clock.now += 2
        assert not door.admits(cookie)

    def test_a_new_token_ends_all_cookies(self) -> None:
        assert not Door("new", Clock()).admits(Door("old", Clock()).cookie())

    def test_a_revoked_cookie_is_dead_and_others_live(self) -> None:
        door = Door("t", Clock())
        one, two = door.cookie(), door.cookie()
        door.revoke(one)
        assert not door.admits(one)
        assert door.admits(two)

    @given(st.data())
    def test_no_change_of_a_cookie_is_admitted(self, data: st.DataObject) -> None:
        door = Door("t", Clock())
        cookie = door.cookie()
        at = data.draw(st.integers(0, len(cookie) - 1))
        other = data.draw(st.characters(codec="utf-8").filter(lambda c: c != cookie[at]))
        assert not door.admits(cookie[:at] + other + cookie[at + 1 :])

    @given(st.text(max_size=80))
    def test_no_text_is_admitted(self, text: str) -> None:
        assert not Door("t", Clock()).admits(text)
