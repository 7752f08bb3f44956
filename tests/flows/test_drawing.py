"""Pictures of flows: everything is in them, nothing lies on something else, and they can be opened."""

from __future__ import annotations

import io
import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from PIL import Image

from bot.cli.root import cli
from flows.drawing import Chart, NoFont, Placed, chart_of, place, to_mermaid, to_png, to_svg
from flows.drawing.layout import wrapped
from flows.drawing.png import find_font
from flows.engine import load_engine
from tests.flows.making import engine

SHOP = Path(__file__).parents[2] / "config" / "shop"
ENGINE = load_engine(SHOP, "Asia/Shanghai")
GRAPHS = {graph.flow.id: graph for graph in ENGINE.graphs}
every_flow = pytest.mark.parametrize("flow", GRAPHS)


def chart(flow: str) -> Chart:
    return chart_of(ENGINE.flows[flow], GRAPHS[flow], ENGINE.domain)


def has_font() -> bool:
    try:
        return bool(find_font())
    except NoFont:
        return False


@every_flow
def test_every_step_and_every_way_is_in_the_chart(flow: str) -> None:
    drawn, nodes = chart(flow), GRAPHS[flow].nodes
    assert len([box for box in drawn.boxes if box.head != "结束"]) == len(nodes) + 1
    ways = sum(len(node.branches) for node in nodes if type(node.step).__name__ not in ("Link", "Handoff"))
    assert len(drawn.ways) == ways + 1
    assert {way.end for way in drawn.ways} == set(range(1, len(drawn.boxes)))


@every_flow
def test_no_box_lies_on_another(flow: str) -> None:
    for one, other in combinations(place(chart(flow)).cells, 2):
        apart = abs(one.x - other.x) >= (one.width + other.width) / 2 or (
            abs(one.y - other.y) >= (one.height + other.height) / 2
        )
        assert apart, (one, other)


@every_flow
def test_ways_begin_and_end_at_their_boxes(flow: str) -> None:
    drawn = chart(flow)
    placed = place(drawn)
    for way, route in zip(drawn.ways, placed.routes, strict=True):
        for cell, (x, y) in ((placed.cells[way.start], route.points[0]), (placed.cells[way.end], route.points[-1])):
            assert abs(x - cell.x) <= cell.width / 2 + 0.1
            assert abs(y - cell.y) <= cell.height / 2 + 0.1


def inside(placed: Placed) -> bool:
    return all(
        cell.x - cell.width / 2 >= 0 and cell.x + cell.width / 2 <= placed.width and cell.y <= placed.height
        for cell in placed.cells
    )


@every_flow
def test_the_svg_is_xml_with_every_word(flow: str) -> None:
    placed = place(chart(flow))
    assert inside(placed)
    root = ElementTree.fromstring(to_svg(placed, flow))
    said = "".join(root.itertext())
    assert all(line in said for cell in placed.cells for line in cell.lines)


@pytest.mark.skipif(not has_font(), reason="no font with Chinese is installed")
def test_the_png_can_be_opened() -> None:
    placed = place(chart("invoice"))
    image = Image.open(io.BytesIO(to_png(placed)))
    assert image.format == "PNG"
    assert image.size == (round(placed.width * 2), round(placed.height * 2))
    assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 50


@every_flow
def test_mermaid_names_every_box_before_its_ways(flow: str) -> None:
    text = to_mermaid(chart(flow))
    assert text.startswith("flowchart TD\n")
    named = set(re.findall(r"^  (n\d+)[\[({]", text, re.MULTILINE))
    used = set(re.findall(r"\b(n\d+)$", text, re.MULTILINE))
    assert used < named


def test_signs_that_mermaid_would_read_are_written_otherwise() -> None:
    flows = """
    flows:
      f:
        name: 'a "b" <c> #d'
        steps:
          - noop: true
            next:
              - if: slots.a = "x"
                then: END
              - else: END
    """
    made = engine(flows)
    text = to_mermaid(chart_of(made.flows["f"], made.graphs[0], made.domain))
    assert '(["a #quot;b#quot; #lt;c#gt; #35;d"])' in text
    assert '-->|"a = #quot;x#quot;"|' in text


def test_a_flow_in_python_shows_its_questions() -> None:
    flows = "flows: {f: {steps: [{collect: a}, {collect: b}]}}"
    made = engine(flows)
    heads = [box.head for box in chart_of(made.flows["f"], None, made.domain).boxes]
    assert heads == ["f", "问 甲", "问 b", "结束"]


def test_lines_break_between_words_and_signs() -> None:
    assert wrapped("slots.order_state = 'not_found'", 160) == ("slots.order_state =", "'not_found'")
    assert wrapped("一二三四，五六", 14 * 4) == ("一二三四，", "五六")
    assert wrapped("") == ()


def test_the_command_draws_one_flow_or_all(tmp_path: Path) -> None:
    run = CliRunner().invoke
    one = run(cli, ["flows", "graph", "refund_status", "--project", str(SHOP)])
    assert one.output.startswith("flowchart TD\n")
    svg = tmp_path / "a.svg"
    assert run(cli, ["flows", "graph", "invoice", "--project", str(SHOP), "--out", str(svg)]).exit_code == 0
    assert svg.read_text("utf-8").startswith("<svg")
    folder = tmp_path / "all"
    every = run(cli, ["flows", "graph", "--project", str(SHOP), "--format", "svg", "--out", str(folder)])
    assert f"{len(GRAPHS)} flows are drawn" in every.output
    assert sorted(path.stem for path in folder.iterdir()) == sorted(GRAPHS)
    wrong = run(cli, ["flows", "graph", "invoise", "--project", str(SHOP)])
    assert wrong.exit_code == 2
    assert "there is no flow 'invoise'" in wrong.output
    assert "invoice" in wrong.output
