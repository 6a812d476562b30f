"""Small SVG charts to stand inside an HTML page; their colors come from the page's style sheet.

Every function returns the text of one `<svg>` element. It is built as a tree and never by pasting
strings, so names of files and categories cannot break out of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring

from segmentare.report.formatting import number

_LEFT, _RIGHT, _TOP, _BOTTOM = 50.0, 14.0, 12.0, 40.0  # margins that hold the axes' labels
_WIDE = 720.0  # width of a chart that has the page to itself
_LONG = 60  # the points of shorter curves are marked
_DENSE = 1500  # more images than this are counted in bars; dots would be too small to point at
_BINS = 48


@dataclass(frozen=True)
class Axes:
    """The map from values to places in a chart of `width` x `height` SVG units.

    Attributes:
        x: Lowest and highest value from left to right.
        y: Lowest and highest value from bottom to top.
        width: Width of the chart.
        height: Height of the chart.
        log: True where y runs by powers of ten; its values must be positive then.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    width: float = 400.0
    height: float = 270.0
    log: bool = False

    def right(self, value: float) -> float:
        """Return the horizontal place of a value."""
        low, high = self.x
        return _LEFT + (value - low) / (high - low) * (self.width - _LEFT - _RIGHT)

    def down(self, value: float) -> float:
        """Return the vertical place of a value; places grow downwards."""
        low, high = self.y
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        return self.height - _BOTTOM - (value - low) / (high - low) * (self.height - _TOP - _BOTTOM)


def _text(value: float) -> str:
    return f"{value:.6g}"


def add(parent: Element, tag: str, *text: str, **attributes: str | float) -> Element:
    """Append an element; `class_` and `text_anchor` become `class` and `text-anchor`."""
    element = SubElement(parent, tag)
    for name, value in attributes.items():
        place = f"{value:.2f}" if isinstance(value, float) else str(value)
        element.set(name.rstrip("_").replace("_", "-"), place)
    element.text = "".join(text) or None
    return element


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return about `count` round numbers (1, 2 or 5 times a power of ten) from `low` to `high`.

    Source: Heckbert, "Nice Numbers for Graph Labels", Graphics Gems, 1990.
    """
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.7)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _powers(low: float, high: float) -> list[float]:
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    powers = [10.0**power for power in range(first, last + 1)]
    return powers if len(powers) > 1 else [low, math.sqrt(low * high), high]


def _short(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * size or (abs(value) >= size and value % size == 0):
            return f"{value / size:g}{letter}"
    if 0 < abs(value) < 0.01:
        mantissa, power = f"{value:.1e}".split("e")
        return f"{float(mantissa):g}e{int(power)}"
    return f"{value:.3g}"


def empty_chart(axes: Axes, summary: str, x_title: str, y_title: str) -> Element:
    """Return a chart with grid, ticks and titles, and nothing in it yet."""
    kind = "chart wide" if axes.width == _WIDE else "chart"
    svg = Element("svg", {"class": kind, "role": "img", "aria-label": summary})
    svg.set("viewBox", f"0 0 {axes.width:g} {axes.height:g}")
    bottom = axes.height - _BOTTOM
    for value in _powers(*axes.y) if axes.log else ticks(*axes.y):
        y = axes.down(value)
        add(svg, "line", class_="grid", x1=_LEFT, x2=axes.width - _RIGHT, y1=y, y2=y)
        add(svg, "text", _short(value), x=_LEFT - 7, y=y + 4.5, text_anchor="end")
    for value in ticks(*axes.x, 10 if axes.width == _WIDE else 5):
        x = axes.right(value)
        add(svg, "line", class_="tick", x1=x, x2=x, y1=bottom, y2=bottom + 4)
        add(svg, "text", _short(value), x=x, y=bottom + 18, text_anchor="middle")
    add(svg, "line", class_="axis", x1=_LEFT, x2=axes.width - _RIGHT, y1=bottom, y2=bottom)
    middle = (_LEFT + axes.width - _RIGHT) / 2
    add(svg, "text", x_title, class_="title", x=middle, y=axes.height - 5, text_anchor="middle")
    turned = f"translate(13 {(_TOP + bottom) / 2:.1f}) rotate(-90)"
    add(svg, "text", y_title, class_="title", transform=turned, text_anchor="middle")
    return svg


def finish(svg: Element) -> str:
    """Return the text of a chart."""
    return tostring(svg, encoding="unicode", short_empty_elements=False)


def _span(values: Sequence[float], room: float = 0.05) -> tuple[float, float]:
    """Return the range of the values with some room, never of width zero."""
    low, high = min(values), max(values)
    spare = (high - low) * room or abs(high) * room or 0.5
    return low - spare, high + spare


def _smooth(values: Sequence[float]) -> list[float]:
    """Return a running mean over about a twentieth of the curve, centered."""
    reach = max(1, len(values) // 40)
    windows = (values[max(0, i - reach) : i + reach + 1] for i in range(len(values)))
    return [sum(window) / len(window) for window in windows]


def _path(axes: Axes, xs: Sequence[float], ys: Sequence[float]) -> str:
    return " ".join(f"{axes.right(x):.1f},{axes.down(y):.1f}" for x, y in zip(xs, ys, strict=True))


def curves(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    title: str,
    *,
    x_title: str = "step",
    smooth: bool = False,
    best: tuple[float, float] | None = None,
) -> str:
    """Draw up to six curves against the training step.

    Args:
        series: Name of a curve -> its x and y values, finite and in the order of x.
        title: What is drawn upwards; it is not printed, for the page does so.
        x_title: What is drawn to the right.
        smooth: Draw a running mean over long curves, and the curves themselves faintly.
        best: The point (x, y) to mark as the chosen one.
    """
    xs = [x for points in series.values() for x in points[0]]
    ys = [y for points in series.values() for y in points[1]]
    log = min(ys) > 0 and max(ys) / min(ys) > 50
    y_range = (min(ys) / 1.2, max(ys) * 1.2) if log else _span(ys)
    x_range = (min(xs), max(xs)) if max(xs) > min(xs) else _span(xs)
    axes = Axes(x_range, y_range, log=log)
    svg = empty_chart(axes, f"{title} against {x_title}: {', '.join(series)}", x_title, "")
    for index, (name, (x, y)) in enumerate(series.items()):
        color = f"series-{index % 6}"
        if smooth and len(x) > _LONG:
            add(svg, "polyline", class_=f"raw {color}", points=_path(axes, x, y))
            y = _smooth(y)  # noqa: PLW2901
        line = add(svg, "polyline", class_=f"line {color}", points=_path(axes, x, y))
        add(line, "title", f"{name}: last value {number(y[-1])}")
        if len(x) <= _LONG:
            for a, b in zip(x, y, strict=True):
                place = {"cx": axes.right(a), "cy": axes.down(b)}
                dot = add(svg, "circle", class_=f"dot {color}", r=2.6, **place)
                dot.set("data-tip", f"{name} {number(b)} at {x_title} {_text(a)}")
    if best is not None:
        ring = add(svg, "circle", class_="best", r=6.0, cx=axes.right(best[0]))
        ring.set("cy", f"{axes.down(best[1]):.2f}")
        ring.set("data-tip", f"chosen: {number(best[1])} at {x_title} {_text(best[0])}")
    return finish(svg)


def distribution(
    values: Mapping[str, float],
    title: str,
    mean: float | None = None,
    ci95: tuple[float, float] | None = None,
    unit: str = "",
) -> str:
    """Draw one dot per image, stacked in columns of equal score.

    Args:
        values: Name of an image -> its score, finite.
        title: Title of the score.
        mean: Marked by a line where given.
        ci95: Interval of the mean, drawn as a band.
        unit: Unit of the score, "" for shares.
    """
    low, high = min(values.values()), max(values.values())
    spare = (high - low or abs(high) or 1.0) * 0.02
    limits = (low - spare, high + spare)
    if low >= 0 and high <= 1:
        limits = (max(0.0, math.floor((low - 0.01) * 20) / 20), 1.0 + 1e-9)
    step = (limits[1] - limits[0]) / _BINS
    columns: dict[int, list[tuple[float, str, str]]] = {}
    for name, value in values.items():
        place = min(int((value - limits[0]) / step), _BINS - 1)
        columns.setdefault(place, []).append((value, name, f"{name}: {number(value, unit)} {unit}"))
    tallest = max(len(column) for column in columns.values())
    axes = Axes(limits, (0.0, max(tallest * 1.08, 3.0)), width=_WIDE, height=210.0)
    x_title = f"{title} ({unit})" if unit else title
    svg = empty_chart(axes, f"{title} of {len(values)} images", x_title, "images")
    if ci95 is not None:
        left, right = axes.right(max(ci95[0], limits[0])), axes.right(min(ci95[1], limits[1]))
        band = add(svg, "rect", class_="band", x=left, width=max(right - left, 1.0), y=_TOP)
        band.set("height", f"{axes.height - _TOP - _BOTTOM:g}")
        ends = " to ".join(number(end, unit) for end in ci95)
        band.set("data-tip", f"95 % interval of the mean: {ends}")
    if mean is not None and limits[0] <= mean <= limits[1]:
        x = axes.right(mean)
        line = add(svg, "line", class_="mean", x1=x, x2=x, y1=_TOP, y2=axes.height - _BOTTOM)
        line.set("data-tip", f"mean {number(mean, unit)}")
    for place, column in columns.items():
        _column(svg, axes, limits[0] + (place + 0.5) * step, sorted(column), len(values))
    return finish(svg)


def _column(
    svg: Element, axes: Axes, middle: float, column: list[tuple[float, str, str]], total: int
) -> None:
    """Draw the images of one column: dots that carry their names, or a bar where too many."""
    wide = (axes.width - _LEFT - _RIGHT) / _BINS
    tall = axes.down(0) - axes.down(1)
    if total > _DENSE:
        top = axes.down(len(column))
        bar = add(svg, "rect", class_="bar", x=axes.right(middle) - wide / 2 + 1, y=top)
        bar.set("width", f"{wide - 2:.2f}")
        bar.set("height", f"{axes.down(0) - top:.2f}")
        bar.set("data-tip", f"{len(column)} images")
        return
    radius = max(min(wide, tall) / 2 - 0.6, 1.0)
    for row, (_, name, tip) in enumerate(column):
        dot = add(svg, "circle", class_="image", r=radius, cx=axes.right(middle))
        dot.set("cy", f"{axes.down(row + 0.5):.2f}")
        dot.set("data-tip", tip.strip())
        dot.set("data-picture", name)


def reliability(bins: Sequence[tuple[float, float, int]]) -> str:
    """Draw how often a predicted probability came true against how large it was.

    Args:
        bins: Per bin its mean probability, the share of its pixels that were the object, and the
            number of its pixels. A calibrated model lies on the diagonal.

    Source: Niculescu-Mizil and Caruana, "Predicting Good Probabilities with Supervised
    Learning", ICML 2005.
    """
    axes = Axes((-0.04, 1.04), (-0.04, 1.04), height=380.0)
    svg = empty_chart(axes, "reliability diagram", "predicted probability", "observed share")
    ends = {"x1": axes.right(0), "y1": axes.down(0), "x2": axes.right(1), "y2": axes.down(1)}
    add(svg, "line", class_="ideal", **ends)
    used = [(p, share, count) for p, share, count in bins if count > 0]
    xs, ys = [p for p, _, _ in used], [share for _, share, _ in used]
    add(svg, "polyline", class_="line series-0", points=_path(axes, xs, ys))
    total = sum(count for _, _, count in used)
    for p, share, count in used:
        place = {"cx": axes.right(p), "cy": axes.down(share)}
        radius = 3.0 + 9.0 * math.sqrt(count / total)
        dot = add(svg, "circle", class_="dot soft series-0", r=radius, **place)
        tip = f"predicted {number(p)}, observed {number(share)}, {number(count)} pixels"
        dot.set("data-tip", tip)
    return finish(svg)


def interval_bar(mean: float, ci95: tuple[float, float] | None, limits: tuple[float, float]) -> str:
    """Draw a mean as a dot and its interval as a whisker, small enough for a table's cell."""
    svg = Element("svg", {"class": "interval", "viewBox": "0 0 160 16", "aria-hidden": "true"})
    low, high = limits

    def right(value: float) -> float:
        return 5 + 150 * (min(max(value, low), high) - low) / ((high - low) or 1.0)

    add(svg, "line", class_="grid", x1=5, x2=155, y1=8, y2=8)
    if ci95 is not None:
        add(svg, "line", class_="whisker", x1=right(ci95[0]), x2=right(ci95[1]), y1=8, y2=8)
    add(svg, "circle", class_="dot series-0", r=4.5, cx=right(mean), cy=8)
    return finish(svg)
