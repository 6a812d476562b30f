"""The lesson: notebooks that run, pages and quizzes that say the same in both languages."""

import importlib
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from segmentare import cli

LESSON = Path(__file__).parents[1] / "docs" / "lesson"
PAGES = sorted(page for page in LESSON.glob("*.md") if not page.name.endswith(".ro.md"))
NOTEBOOKS = sorted(LESSON.glob("*.ipynb"))
MOST = 60_000  # bytes of a figure


def by_name(path):
    return path.name


def read(path):
    return path.read_text(encoding="utf-8")


def cells(notebook, kind):
    found = json.loads(read(notebook))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == kind]


def in_romanian(page):
    return page.with_name(page.stem + ".ro.md")


def numbers(text):
    """Return what is written in digits, in order of size, with points for commas."""
    text = re.sub(r"<http\S+>|`[^`]*`|\]\([^)]*\)", "", text)
    return sorted(re.findall(r"\d+(?:\.\d+)?", re.sub(r"(?<=\d),(?=\d)", ".", text)))


@pytest.fixture(scope="module")
def quizzes():
    return json.loads(read(LESSON / "quiz" / "questions.js").split("=", 1)[1].rstrip().rstrip(";"))


@pytest.fixture
def script(monkeypatch):
    """Import one of the lesson's scripts."""
    pytest.importorskip("matplotlib", reason="the lesson's scripts draw with matplotlib")
    monkeypatch.syspath_prepend(LESSON)
    return importlib.import_module


def run(*words, **options):
    command = [sys.executable, LESSON / "run.py", *words]
    return subprocess.run(  # noqa: S603 - our own script
        command, capture_output=True, text=True, check=False, **options
    )


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=by_name)
def test_it_runs_from_top_to_bottom(notebook, tmp_path, script):
    lacking = script("run").missing(notebook)
    if lacking:
        pytest.skip(f"{' and '.join(lacking)} cannot be imported here")
    ran = run("--short", "--out", tmp_path, notebook)
    assert ran.returncode == 0, ran.stderr
    done = json.loads(read(tmp_path / notebook.name))["cells"]
    outputs = [one for cell in done for one in cell.get("outputs", ())]
    assert sum("image/png" in one.get("data", ()) for one in outputs) >= 4
    assert all("Traceback" not in "".join(one.get("text", ())) for one in outputs)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=by_name)
def test_it_is_stored_without_outputs(notebook):
    for cell in json.loads(read(notebook))["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
        assert "".join(cell["source"]).strip()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=by_name)
def test_the_runner_knows_what_a_notebook_needs(notebook, script):
    code = "\n".join(cells(notebook, "code"))
    needs = script("run").NEEDS.get(notebook.stem, ())
    for package in ("torch", "tensorflow"):
        assert package in needs or f"import {package}" not in code


def test_a_notebook_is_left_out_with_a_word(monkeypatch, capsys, script):
    runner = script("run")
    monkeypatch.setitem(runner.NEEDS, "skeletons", ("torch", "no_such_package"))
    assert runner.run_alone(LESSON / "skeletons.ipynb", ["--inside"]) == 0
    said = capsys.readouterr().out
    assert said == "skeletons.ipynb: left out, for no_such_package cannot be imported\n"


def test_a_notebook_that_fails_says_where(tmp_path):
    sources = ["import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])\nprint('hello')", "1 / 0"]
    stored = [{"cell_type": "code", "source": source, "outputs": []} for source in sources]
    (tmp_path / "broken.ipynb").write_text(json.dumps({"cells": stored}))
    ran = run("--out", "copies", "broken.ipynb", cwd=tmp_path)
    assert ran.returncode == 1
    assert 'File "broken[2]", line 1, in <module>\n    1 / 0' in ran.stderr
    assert "ZeroDivisionError" in ran.stderr
    assert "broken.ipynb: failed after" in ran.stdout
    (first, last) = json.loads(read(tmp_path / "copies" / "broken.ipynb"))["cells"]
    assert first["outputs"][0]["text"] == ["hello\n"]
    assert "image/png" in first["outputs"][1]["data"]
    assert last["outputs"] == []


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_both_languages_have_the_same_parts(page):
    english, romanian = read(page), read(in_romanian(page))
    for part in (
        r"(?m)^#+ ",  # headings by their level
        r"!\[[^\]]+\]\((figures/[\w-]+)\.",
        r"(?m)^\|[ -]",  # rows of tables
        r"(?m)^\s*(?:-|\d+\.) ",  # items of lists
        r"<(https?://[^>]+)>",
        r"`--?[^`]+`",
    ):
        assert re.findall(part, english) == re.findall(part, romanian), part
    assert numbers(english) == numbers(romanian)


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_each_language_has_its_own_figures_and_links(page):
    assert not re.findall(r"\.ro\.(?:svg|jpg)", read(page))
    assert not re.findall(r"\.en\.(?:svg|jpg)", read(in_romanian(page)))
    for target in re.findall(r"\]\(([\w-]+\.md)", read(in_romanian(page))):
        assert page.name in {target, "README.md"}, "leads to English"


@pytest.mark.parametrize("page", [*sorted(LESSON.glob("*.md")), *NOTEBOOKS], ids=by_name)
def test_links_lead_somewhere(page, quizzes):
    text = read(page) if page.suffix == ".md" else "\n".join(cells(page, "markdown"))
    for target, place in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", text):
        assert (page.parent / target).exists(), target
        assert not place or place.removesuffix(".ro") in quizzes, place


@pytest.mark.parametrize("page", [*sorted(LESSON.glob("*.md")), *NOTEBOOKS], ids=by_name)
def test_commands_are_ones_that_exist(page):
    text = read(page) if page.suffix == ".md" else "\n".join(cells(page, "markdown"))
    for line in re.findall(r"(?m)^ {4}segmentare (.+)$", text):
        words = shlex.split(line)
        assert cli.parse(words)[0] is cli.find(words[0])


def test_the_lesson_shows_commands():
    pages = [*map(read, PAGES), *("\n".join(cells(book, "markdown")) for book in NOTEBOOKS)]
    found = {name for page in pages for name in re.findall(r"(?m)^ {4}segmentare (\w+) ", page)}
    assert {"train", "predict", "demo"} <= found


def test_every_figure_is_shown_and_small():
    shown = {
        name
        for page in LESSON.glob("*.md")
        for name in re.findall(r"\(figures/([^)]+)\)", read(page))
    }
    stored = {figure.name: figure.stat().st_size for figure in (LESSON / "figures").iterdir()}
    assert shown == set(stored)
    assert {name: size for name, size in stored.items() if size > MOST} == {}


def test_words_in_figures_stay_whole(tmp_path, script):
    drawing, charts = script("drawing"), script("charts")
    for language, word in (("en", "squared error"), ("ro", "eroare pătratică")):
        drawing.save(charts.gradients(drawing.LANGUAGES[language]), tmp_path, "one.svg")
        svg = read(tmp_path / "one.svg")
        assert f">{word}<" in svg
        assert ">0.9975<" in svg
        assert not re.search(r"\d\.\d{3}", re.sub(r">[^<]*<", "><", svg))


def test_the_pages_quote_what_the_script_prints(capsys, script):
    script("figures").print_numbers()
    printed = capsys.readouterr().out
    for page, quoted in {
        "2-encoder-decoder.md": ("0.93", "0.44", "0.05", "140", "5"),
        "3-losses.md": ("0.9975", "0.0049", "17", "249", "0.056", "0.990"),
        "4-scores.md": ("0.97", "0.88", "0.60"),
        "5-skeletons.md": ("6.1", "15.0", "25.9"),
    }.items():
        for number in quoted:
            assert number in printed, number
            assert number in read(LESSON / page), number


def test_every_notebook_has_a_quiz_before_and_after(quizzes):
    expected = [
        f"{name}-{when}"
        for name in ("pytorch", "tensorflow", "body", "skeletons")
        for when in ("before", "after")
    ]
    assert sorted(quizzes) == sorted(expected)
    for name, quiz in quizzes.items():
        topic = name.split("-")[0]
        assert topic in quiz["of"]
        text = "\n".join(cells(LESSON / quiz["of"], "markdown"))
        assert f"quiz/index.html#{name}" in text
        assert f"quiz/index.html#{name})" in read(LESSON / "README.md")
        assert f"quiz/index.html#{name}.ro)" in read(LESSON / "README.ro.md")
        assert 3 <= len(quiz["questions"]) <= 6


def test_quizzes_say_the_same_in_both_languages(quizzes):
    for quiz in quizzes.values():
        texts = [quiz["title"]]
        for question in quiz["questions"]:
            answers, right = question["answers"], question["right"]
            texts += [question["ask"], question["why"], *answers]
            for language in ("en", "ro"):
                assert len({answer[language] for answer in answers}) == len(answers) >= 3
            assert right == sorted(set(right)) != []
            assert set(right) < set(range(len(answers)))
            assert (len(right) > 1) == ("all that apply" in question["ask"]["en"])
            assert (len(right) > 1) == ("tot ce se potrivește" in question["ask"]["ro"])
        for text in texts:
            assert set(text) == {"en", "ro"}
            assert text["en"].strip()
            assert numbers(text["en"]) == numbers(text["ro"])


def test_right_answers_have_no_favorite_place(quizzes):
    places = [question["right"][0] for quiz in quizzes.values() for question in quiz["questions"]]
    assert max(places.count(place) for place in range(3)) <= len(places) / 2


def test_romanian_is_written_with_commas_below():
    texts = {path: read(path) for path in LESSON.rglob("*") if path.suffix in {".md", ".py", ".js"}}
    for path, text in texts.items():
        assert not re.search("[şţŞŢãǎ]", text), path.name  # cedillas and tildes
        assert "ș" in text or ".ro." not in path.name
