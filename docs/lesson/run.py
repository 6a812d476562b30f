"""Run the notebooks of the lesson from top to bottom. Jupyter is not needed.

python docs/lesson/run.py [--short] [--out FOLDER] [NOTEBOOK ...]

Stored notebooks have no outputs; `--out` receives copies that have them.
"""

import argparse
import base64
import contextlib
import io
import json
import linecache
import os
import subprocess
import sys
import time
import traceback
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

#: What a notebook imports and a machine may not have; for the others either framework will do.
NEEDS = {"semantic-pytorch": ("torch",), "semantic-tensorflow": ("tensorflow",)}

Cell = dict[str, Any]


def execute(path: Path, out: Path | None) -> None:
    """Run one notebook in its own folder, and write the copy that holds the outputs.

    Whatever a cell raises passes through, after the copy was written.
    """
    import matplotlib as mpl

    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    names: dict[str, object] = {"__name__": "__main__"}
    mpl.use("Agg")
    os.chdir(HERE)
    try:
        for number, cell in enumerate(cells, 1):
            _run_cell(cell, number, f"{path.stem}[{number}]", names)
    finally:
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            written = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
            (out / path.name).write_text(written, encoding="utf-8")


def _run_cell(cell: Cell, number: int, name: str, names: dict[str, object]) -> None:
    """Run one cell and store what it printed and drew in it."""
    source = "".join(cell["source"])
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    stdout, stderr = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            exec(compile(source, name, "exec"), names)  # noqa: S102 - our own notebooks
    finally:
        cell["execution_count"] = number
        said = {"stderr": stderr.getvalue(), "stdout": stdout.getvalue()}
        cell["outputs"] = [_stream(*texts) for texts in said.items() if texts[1]] + _figures()


def _stream(name: str, text: str) -> Cell:
    lines = text.splitlines(keepends=True)
    return {"name": name, "output_type": "stream", "text": lines}


def _figures() -> list[Cell]:
    """Return the figures that are open as outputs, and close them."""
    from matplotlib import pyplot as plt

    outputs = []
    for number in plt.get_fignums():
        file = io.BytesIO()
        plt.figure(number).savefig(file, format="png", dpi=80)
        picture = {"image/png": base64.b64encode(file.getvalue()).decode()}
        outputs.append({"data": picture, "metadata": {}, "output_type": "display_data"})
    plt.close("all")
    return outputs


def missing(path: Path) -> list[str]:
    """Return the packages that a notebook needs and that are not installed."""
    return [name for name in NEEDS.get(path.stem, ()) if find_spec(name) is None]


def run_alone(path: Path, options: list[str]) -> int:
    """Run one notebook in a process of its own, as a kernel would be; return its exit code."""
    lacking = missing(path)
    if lacking:
        print(f"{path.name}: left out, for {' and '.join(lacking)} cannot be imported")
        return 0
    start = time.perf_counter()
    command = [sys.executable, __file__, *options, str(path)]
    code = subprocess.run(command, check=False).returncode  # noqa: S603 - this very file
    spent = f"{time.perf_counter() - start:.0f} s"
    print(f"{path.name}: {'failed after ' if code else ''}{spent}", flush=True)
    return code


def main() -> int:
    """Run what the command line names, all notebooks if it names none; 1 if one of them failed."""
    parser = argparse.ArgumentParser(description="Run the notebooks of the lesson.")
    parser.add_argument(
        "notebooks", nargs="*", type=Path, help="some of them; all if none is named"
    )
    parser.add_argument("--short", action="store_true", help="a few steps on tiny images, as in CI")
    parser.add_argument("--out", type=Path, help="folder for copies that have their outputs")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.short:
        os.environ["SEGMENTARE_LESSON"] = "short"
    if given.inside:
        sys.excepthook = traceback.print_exception  # Python's own does not see a cell's source
        execute(given.notebooks[0], given.out)
        return 0
    options = ["--inside"] + (["--out", str(given.out.resolve())] if given.out else [])
    paths = [path.resolve() for path in given.notebooks] or sorted(HERE.glob("*.ipynb"))
    return max([run_alone(path, options) for path in paths])


if __name__ == "__main__":
    sys.exit(main())
