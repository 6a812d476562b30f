"""The laws of the house, held by a test: sizes, directions of words, one place for each thing.

Directions of imports are import-linter's; see `docs/architecture.md` and `docs/conventions.md`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src" / "segmentare"
FILES = sorted(SRC.rglob("*.py"))
TREES = {file: ast.parse(file.read_text(encoding="utf-8")) for file in FILES}

_TASK_CLASSES = {"SemanticTask", "InstanceTask", "PanopticTask", "PoseTask", "BodyTask"}
_TASK_NAMES = {"semantic", "instance", "panoptic", "pose", "body"}
# What still breaks a law. These lists may only become shorter.
LONG_FILES = {
    "annotations/skeletons.py",
    "datasets/writers/formats.py",
    "tasks/grouping.py",
    "training/planning.py",
}
LONG_FUNCTIONS = {
    "commands/demo.py:demo",
    "commands/predict.py:predict",
    "commands/train.py:train",
    "images/tiff_windows.py:_describe",
    "report/evaluation.py:score",
    "training/loop.py:run",
    "training/planning.py:make_plan",
}
ANONYMOUS_TUPLES = {
    "datasets/readers/folder.py:_from_lines(lines)",
    "drawing/objects.py:_draw_outcomes(prediction)",
    "large/images.py:_fill(about)",
    "report/charts.py:_column(column)",
    "report/charts.py:reliability(bins)",
    "report/counts.py:_draw(found)",
    "results/object_tables.py:object_rows(about)",
}
LARGE_FOLDERS = {"commands": 27, "datasets/readers": 27}
FLAGS_BELOW = 13
TASKS_OUTSIDE = 50

_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")


def place(file: Path) -> str:
    return file.relative_to(SRC).as_posix()


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def is_command(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Public commands spell every option out, so the laws of length hold for their bodies only."""
    return any("command" in ast.unparse(decorator) for decorator in node.decorator_list)


def body_length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the signature's end to the function's, without the docstring."""
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    start = node.body[1] if documented and len(node.body) > 1 else first
    return (node.end_lineno or 0) - start.lineno + 1


def strings(file: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def test_files_have_at_most_300_lines():
    long = {place(f): n for f in FILES if (n := len(f.read_text().splitlines())) > 300}
    assert set(long) == LONG_FILES


def test_functions_have_at_most_40_lines():
    long = {
        f"{place(f)}:{node.name}": n
        for f in FILES
        for node in functions(f)
        if (n := body_length(node)) > 40
    }
    assert set(long) == LONG_FUNCTIONS


def test_functions_take_at_most_seven_parameters():
    many = {}
    for file in FILES:
        for node in functions(file):
            a = node.args
            count = len([*a.posonlyargs, *a.args, *a.kwonlyargs])
            first = (a.posonlyargs + a.args)[:1]
            count -= bool(first and first[0].arg in {"self", "cls"})
            if count > 7 and not is_command(node):
                many[f"{place(file)}:{node.name}"] = count
    assert not many


def test_no_anonymous_tuple_carries_parameters():
    """A parameter of three or more values of several types is a dataclass with names."""
    found = []
    for file in FILES:
        for node in functions(file):
            a = node.args
            for parameter in [*a.posonlyargs, *a.args, *a.kwonlyargs]:
                for part in ast.walk(parameter.annotation) if parameter.annotation else ():
                    if not (isinstance(part, ast.Subscript) and ast.unparse(part.value) == "tuple"):
                        continue
                    inner = part.slice.elts if isinstance(part.slice, ast.Tuple) else [part.slice]
                    kinds = {ast.unparse(element) for element in inner}
                    if len(inner) > 2 and len(kinds) > 1 and "..." not in kinds:
                        found.append(f"{place(file)}:{node.name}({parameter.arg})")
    assert set(found) == ANONYMOUS_TUPLES


def test_folders_hold_at_most_25_files():
    folders = {place(f.parent): len(list(f.parent.glob("*.py"))) for f in FILES}
    large = {name: count for name, count in folders.items() if count > 25}
    assert large == LARGE_FOLDERS


def test_no_flag_is_named_below_the_command_line():
    """Errors of the library name arguments; `cli.py` adds the dashes."""
    found = [
        f"{place(file)}:{line}: {flag[0]}"
        for file in FILES
        if not place(file).startswith(("cli.py", "commands/"))
        for line, text in strings(file)
        if (flag := _FLAG.search(text))
    ]
    assert len(found) <= FLAGS_BELOW, found


def test_no_task_is_named_outside_tasks_and_metrics():
    found = []
    for file in FILES:
        if place(file).startswith(("tasks/", "metrics/", "__init__.py")):
            continue
        for node in ast.walk(TREES[file]):
            named = isinstance(node, ast.Name) and node.id in _TASK_CLASSES
            compared = isinstance(node, ast.Compare) and any(
                isinstance(part, ast.Constant) and part.value in _TASK_NAMES
                for side in [node.left, *node.comparators]
                for part in ast.walk(side)
            )
            if named or compared:
                found.append(f"{place(file)}:{node.lineno}: {ast.unparse(node)[:60]}")
    assert len(found) <= TASKS_OUTSIDE, found


def test_one_function_moves_files_into_place():
    """Everything is written under a temporary name and moved by one function."""
    movers = {
        place(file)
        for file in FILES
        for node in ast.walk(TREES[file])
        if isinstance(node, ast.Call)
        and re.fullmatch(r"os\.(replace|rename)", ast.unparse(node.func))
    }
    assert len(movers) <= 1, movers


def test_tests_mirror_the_source():
    rooms = {p.relative_to(SRC) for p in SRC.rglob("*") if p.is_dir()}
    extra = {Path("golden"), Path("end_to_end"), Path("parity"), Path("benchmarks")}
    folders = {f.parent.relative_to(ROOT / "tests") for f in (ROOT / "tests").rglob("test_*.py")}
    assert folders - extra - {Path()} <= rooms


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_pages_name_only_what_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    names = re.findall(r"`([\w./-]+/[\w./-]*|[\w-]+\.(?:py|md|toml))`", text)
    assert names
    roots = (ROOT, SRC, ROOT / "tests", ROOT / "docs")
    missing = [n for n in names if not any((root / n).exists() for root in roots)]
    assert not missing
