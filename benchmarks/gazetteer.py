"""Word lists: how soon a long one is ready, how fast and how rightly values are found, written well and misspelt.

    python -m benchmarks.gazetteer [--values N] [--list FILE] [--data FOLDER]

The list is FILE, one value a line, or N made-up names. Sentences are the texts of FOLDER/{train,test}.jsonl (format:
`benchmarks.nlu`), or a few dozen of a shop's; with FOLDER its own marked values are looked for too. A typo replaces one
character of a value by an everyday one of the same sound. A find is false where an ordinary sentence has neither the
value nor any marked entity there. Prints one JSON object: seconds, milliseconds, megabytes, shares in 0..1.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.child import NOW
from benchmarks.sets import read_examples
from nlu.component import Corpus
from nlu.data import Example, NluData
from nlu.dictionary import word_counts
from nlu.fuzzy.sounds import everyday, homophones
from nlu.gazetteer import LookupEntityExtractor, LookupOptions
from nlu.meaning import Entity
from nlu.normalizer import Normalizer
from nlu.pipeline import blank

TYPOS = 2000
PARSES = 4000
CARRIERS = ("我想去{}", "帮我查一下{}的地址", "{}怎么走", "离{}最近的地铁站是哪个", "寄到{}要多久", "{}")
SAID = """
我的订单到哪了 帮我查一下昨天买的东西发货了没有 这个不想要了怎么退款 运费多少钱 能开发票吗 转人工 尺码偏大还是偏小
我要投诉你们的快递员态度太差 为什么我的优惠券用不了 密码忘了怎么办 什么时候才能到账 地址写错了能改吗 有没有红色的
可以便宜一点吗 质量怎么样会不会掉色 我已经付款了但是显示没付 谢谢你啊 请问你们几点上班 周末发货吗 附近有什么好玩的
帮我找一家人均消费一百元左右的餐馆 手机屏幕碎了能保修吗 我想换一个颜色可以吗 收到的货和图片不一样 怎么注销账号
"""
PLACES = "北京 上海 广州 深圳 杭州 南京 武汉 成都 西安 苏州 长沙 郑州 青岛 沈阳 大连 厦门 福州 济南 合肥 昆明"
SORTS = "酒店 小区 花园 大厦 公寓 超市 餐厅 村 镇 路 中学 医院 广场 书店 茶楼"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--values", type=int, default=100_000, help="how many names to make up")
    parser.add_argument("--list", type=Path, help="a file with one value a line instead")
    parser.add_argument("--data", type=Path, help="a folder with marked sentences")
    given = parser.parse_args()
    examples = (
        [one for path in sorted(given.data.glob("t*.jsonl")) for one in read_examples(path)] if given.data else []
    )
    sentences = examples or [Example(text, "said") for text in SAID.split()]
    values = given.list.read_text("utf-8").split("\n") if given.list else names(given.values)
    result = {"list": measure([value for value in values if value.strip()], sentences)}
    marked = {entity.text for one in examples for entity in one.entities if not any(c.isdigit() for c in entity.text)}
    if marked:
        result["marked"] = measure(sorted(marked), sentences)
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


def names(count: int) -> list[str]:
    """Made-up names of places, as many as asked for, always the same: 杭州金霖酒店, 柳河村."""
    dice = random.Random(0)
    words = word_counts()
    chars = [char for char in map(chr, range(0x4E00, 0x9FA6)) if everyday(char)]
    areas, kinds = PLACES.split(), SORTS.split()
    found: dict[str, None] = {}
    while len(found) < count:
        name = "".join(dice.sample(chars, 2))
        if name not in words:
            found[dice.choice(("", "", dice.choice(areas))) + name + dice.choice(kinds)] = None
    return list(found)


def measure(values: Sequence[str], sentences: Sequence[Example]) -> dict[str, Any]:
    begun = time.perf_counter()
    data = NluData(lookups={"name": tuple(values)})
    trained = LookupEntityExtractor.train(LookupOptions(), Corpus(Path(), data, ()))
    built = time.perf_counter() - begun
    with tempfile.TemporaryDirectory() as folder:
        trained.save(Path(folder))
        extractor = LookupEntityExtractor.load(LookupOptions(), Path(folder))
        with ProcessPoolExecutor(1, get_context("spawn")) as apart:
            loaded, resident = apart.submit(served, folder).result()
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    texts = [one.text for one in sentences]
    return {
        "values": len(values),
        "build_s": round(built, 2),
        "load_s": loaded,
        "model_mb": round(size / 1e6, 1),
        "resident_mb": round(resident, 1),
        "exact_ms": speed(replace(extractor, gazetteer=None), texts),
        "fuzzy_ms": speed(extractor, texts),
        **typos(extractor, values),
        **false_finds(extractor, sentences),
    }


def served(folder: str) -> tuple[float, float]:
    """In a process of its own: how long loading takes, and how much memory."""
    before = resident_mb()
    begun = time.perf_counter()
    extractor = LookupEntityExtractor.load(LookupOptions(), Path(folder))
    loaded = round(time.perf_counter() - begun, 2)
    read_with(extractor, SAID.split()[0])
    return loaded, resident_mb() - before


def speed(extractor: LookupEntityExtractor, texts: Sequence[str]) -> dict[str, float]:
    docs = [Normalizer()(blank(text, NOW)) for text in texts]
    taken = []
    for i in range(PARSES):
        begun = time.process_time()
        extractor(docs[i % len(docs)])
        taken.append(1000 * (time.process_time() - begun))
    taken.sort()
    return {"p50": round(taken[PARSES // 2], 3), "p99": round(taken[PARSES * 99 // 100], 3)}


def typos(extractor: LookupEntityExtractor, values: Sequence[str]) -> dict[str, Any]:
    """By length of the value: the share of homophone typos that find the right value, and a wrong one."""
    dice = random.Random(0)
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    missed: list[str] = []
    while sum(tried.values()) < TYPOS:
        value = dice.choice(values)
        typed = misspelt(value, dice)
        if typed is None:
            continue
        sizes = ("all", "3+" if len(value) > 2 else "2", "4+" if len(value) > 3 else "")
        found = read_with(extractor, dice.choice(CARRIERS).format(typed))
        ok = any(one.value == value and one.text == typed for one in found)
        bad = not ok and any(one.confidence < 1 for one in found)
        for size in sizes:
            tried[size] += 1
            right[size] += ok
            wrong[size] += bad
        if not ok:
            missed.append(f"{typed} for {value}: {[one.value for one in found]}")
    shares = {size: round(right[size] / tried[size], 4) for size in sorted(tried) if size}
    return {
        "typo_right": shares,
        "typo_wrong": round(wrong["all"] / tried["all"], 4),
        "typo_missed": dice.sample(missed, min(8, len(missed))),
    }


def misspelt(value: str, dice: random.Random) -> str | None:
    """`value` with one character replaced by a homophone; None where no character has one."""
    places = [at for at, char in enumerate(value) if homophones(char)]
    if not places:
        return None
    at = dice.choice(places)
    return value[:at] + dice.choice(homophones(value[at])) + value[at + 1 :]


def false_finds(extractor: LookupEntityExtractor, sentences: Sequence[Example]) -> dict[str, Any]:
    false = []
    for example in sentences:
        for one in read_with(extractor, example.text):
            apart = all(one.end <= other.start or other.end <= one.start for other in example.entities)
            if one.confidence < 1 and apart:
                false.append(f"{one.text} for {one.value}: {example.text}")
    return {
        "sentences": len(sentences),
        "false_share": round(len(false) / len(sentences), 5),
        "false": random.Random(0).sample(false, min(15, len(false))),
    }


def read_with(extractor: LookupEntityExtractor, text: str) -> tuple[Entity, ...]:
    return extractor(Normalizer()(blank(text, NOW))).entities


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


if __name__ == "__main__":
    main()
