"""Any message, any reply: what hypothesis draws from."""

from __future__ import annotations

from hypothesis import strategies as st

from adapters.message import (
    Address,
    Button,
    Card,
    Content,
    Custom,
    Event,
    File,
    Image,
    Link,
    Location,
    Markdown,
    Message,
    News,
    Reply,
    Text,
    Transfer,
    Typing,
    Video,
    Voice,
)

texts = st.text(max_size=40) | st.sampled_from(
    ["", "您好。", "😀" * 9, "]]>", "<a href='x'>", "**粗** [链接](http://a.b)"]
)
urls = st.just("") | st.sampled_from(["https://example.com/a.png", "http://x.y/?a=1&b=2"])
floats = st.floats(allow_nan=False, allow_infinity=False)
data = st.dictionaries(texts, texts, max_size=3)
json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | floats | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)

images = st.builds(Image, urls, texts, texts)
voices = st.builds(Voice, texts, urls, texts, texts)
videos = st.builds(Video, texts, urls, texts, texts, texts, st.booleans())
files = st.builds(File, texts, urls, texts, st.integers(0, 2**40))
links = st.builds(Link, urls, texts, texts, urls)
buttons = st.builds(Button, texts, texts, urls)
cards = st.builds(Card, texts, texts, urls, urls, st.lists(buttons, max_size=12).map(tuple), data)
custom = st.builds(Custom, json)
long_texts = st.builds(Text, st.builds(lambda text, times: text * times, texts, st.integers(0, 200)))

replies: st.SearchStrategy[Reply] = st.one_of(
    st.builds(Text, texts), long_texts, images, voices, videos, files, links, cards, custom,
    st.builds(News, st.lists(links, max_size=4).map(tuple)),
    st.builds(Markdown, texts, texts),
    st.builds(Transfer, texts, texts),
    st.builds(Typing, st.booleans()),
)  # fmt: skip
contents: st.SearchStrategy[Content] = st.one_of(
    st.builds(Text, texts), images, voices, videos, files, links, cards, custom,
    st.builds(Location, floats, floats, texts, st.integers(0, 30), texts),
    st.builds(Event, texts, texts, data),
)  # fmt: skip
addresses = st.builds(Address, texts, texts, texts, texts)
messages = st.builds(
    Message,
    texts,
    addresses,
    contents,
    floats,
    st.sampled_from(["private", "group"]),
    st.booleans(),
    texts,
    texts,
    texts,
    json,
)
