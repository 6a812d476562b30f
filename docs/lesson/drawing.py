"""What the figures of the lesson share: two languages, one style, small files."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from translations import ROMANIAN

mpl.use("Agg")

Say = Callable[[str], str]  #: English words in, the words of the figure's language out

BLUE, ORANGE, GREEN, RED, GRAY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#666666"
LANGUAGES: dict[str, Say] = {"en": lambda words: words, "ro": lambda words: ROMANIAN[words]}

mpl.rcParams.update(
    {
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": "medium",
        "figure.dpi": 110,
        "font.size": 10,
        "svg.fonttype": "none",  # words stay words: small files that can be searched
        "svg.hashsalt": "segmentare",  # the same figure gives the same file
    }
)


def grid(rows: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure of so many inches, and its axes in reading order."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).ravel())


def show(axes: Axes, picture: NDArray, title: str = "") -> None:
    """Show a picture without axes; gray if it has one channel."""
    axes.imshow(picture, cmap="gray", vmin=0, vmax=255 if picture.max() > 1 else 1)
    axes.set_title(title)
    axes.set_axis_off()


def save(figure: Figure, folder: Path, name: str) -> None:
    """Write `name`, whose ending says the format: svg for charts, jpg for pictures."""
    path = folder / name
    if name.endswith("jpg"):
        quality = {"quality": 70, "optimize": True}
        figure.savefig(path, facecolor="white", dpi=90, pil_kwargs=quality)
        return
    file = io.StringIO()
    figure.savefig(file, format="svg", facecolor="white", metadata={"Date": None})
    path.write_text(_smaller(file.getvalue()), encoding="utf-8")


def _smaller(svg: str) -> str:
    """Return an SVG without what nobody sees: a third of its size, a tenth of its lines."""
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<!DOCTYPE.*?>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"'DejaVu Sans'(, [^;\"]*)", "'DejaVu Sans', sans-serif", svg)
    svg = re.sub(r"<[^>]*>", _rounded, svg)  # within tags: the words of a figure stay
    svg = re.sub(r"\s*\n\s*", " ", svg)  # paths have a line for each point
    return re.sub(r"> (?=<g )", ">\n", svg).strip() + "\n"


def _rounded(tag: re.Match[str]) -> str:
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.2f}", tag[0])
