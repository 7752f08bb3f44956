"""Pictures of flows: a chart of each, as Mermaid's text, as SVG, or as PNG; without a network and without Node."""

from flows.drawing.chart import Box, Chart, Way, chart_of
from flows.drawing.layout import Placed, place
from flows.drawing.mermaid import to_mermaid
from flows.drawing.png import NoFont, to_png
from flows.drawing.svg import to_svg

__all__ = ["Box", "Chart", "NoFont", "Placed", "Way", "chart_of", "place", "to_mermaid", "to_png", "to_svg"]
