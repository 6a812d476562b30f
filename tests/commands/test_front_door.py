"""The front door: what a user meets first, line by line."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from command_line import TINY

import segmentare
from segmentare import cli
from segmentare.commands import COMMANDS, values
from segmentare.commands.options import command, command_line, options_of
from segmentare.errors import SegmentareError
from segmentare.models.frameworks import AUTO, FRAMEWORKS
from segmentare.runtimes import ENGINES, PRECISIONS
from segmentare.tasks import TASKS

FUNCTIONS = [cli.find(name) for name in COMMANDS]
PACKAGE = Path(segmentare.__file__).parent


def by_name(function):
    return function.__name__


@pytest.mark.parametrize("function", FUNCTIONS, ids=by_name)
def test_every_command_refuses_every_unknown_keyword_before_it_does_anything(function):
    for name in [option.name for option in options_of(function)]:
        wrong = f"{name}x"
        with pytest.raises(TypeError) as raised:
            function("photos", **{wrong: 1})
        assert str(raised.value).startswith(f"{by_name(function)}() has no option {wrong!r}.")
        assert "Did you mean" in str(raised.value)


def test_a_wrong_keyword_is_told_the_nearest():
    with pytest.raises(TypeError) as raised:
        segmentare.train("photos", "run", bugdet="5s")
    assert str(raised.value) == "train() has no option 'bugdet'. Did you mean 'budget'?"
    assert isinstance(raised.value, segmentare.UnknownOptionError)


def test_the_command_line_says_the_same(refused):
    words = ["train", "photos", "--out", "run", "--bugdet", "5s"]
    told = "train has no option '--bugdet'. Did you mean '--budget'? See 'segmentare train --help'."
    assert refused(*words) == told
    assert refused("train", "--bugdet=5s") == told
    told = "There is no command 'trian'. Did you mean 'train'? See 'segmentare --help'."
    assert refused("trian", "photos") == told


def test_a_wrong_choice_is_told_the_nearest(refused):
    told = "must be one of semantic, instance, panoptic, pose, body; got 'semantc'. "
    with pytest.raises(segmentare.InputError) as raised:
        segmentare.train("photos", "run", task="semantc")
    assert str(raised.value) == f"`task` {told}Did you mean 'semantic'?"
    with pytest.raises(segmentare.InputError, match="Did you mean 'panoptic'"):
        segmentare.convert("photos", "new", "panotic")
    words = ["train", "photos", "--out", "run", "--task", "semantc"]
    assert refused(*words) == f"--task {told}Did you mean 'semantic'?"


def test_choices_are_those_of_the_rest_of_the_package():
    assert set(get_args(values.TaskName)) == set(TASKS)
    assert get_args(values.FrameworkName) == (AUTO, *FRAMEWORKS)
    assert get_args(values.EngineName) == ("auto", *ENGINES)
    assert get_args(values.Precision) == PRECISIONS


def test_precisions_have_the_same_names_in_all_commands():
    found = {
        choice
        for function in FUNCTIONS
        for option in options_of(function)
        if option.name == "precision"
        for choice in option.choices
    }
    assert found == {"float32", "bfloat16", "int8"}


def test_flips_can_be_switched_off():
    for words in (["predict", "run", "a.png", "--out", "new"], ["evaluate", "run", "photos"]):
        assert "flips" not in cli.parse(words)[1]
        assert cli.parse([*words, "--flips"])[1]["flips"] is True
        assert cli.parse([*words, "--no-flips"])[1]["flips"] is False


USER = """
import segmentare

run = segmentare.train("photos", "run", budget="10m", size=(192, 256), balance=True)
dice: dict[str, object] = run.evaluation.scores if run.evaluation else {}
found = segmentare.predict(run.folder, ["a.jpg", 0], "masks", overlay=True)
lines: list[dict[str, object]] = found.rows
segmentare.trian("a", "b")
segmentare.train("a", "b", bugdet="5s")
segmentare.train("a", "b", task="semantc")
segmentare.evaluate("run")
"""


@pytest.mark.slow
def test_a_type_checker_knows_every_keyword(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "user.py").write_text(USER)
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "user.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(PACKAGE.parent), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in ran.stdout.splitlines() if ": error: " in line]
    said = {
        int(line.split(":")[1]): line.partition(": error: ")[2]
        for line in errors
        if line.startswith("user.py:")
    }
    first = USER.splitlines().index('segmentare.trian("a", "b")') + 1
    assert set(said) == {first, first + 1, first + 2, first + 3}, ran.stdout
    assert 'has no attribute "trian"' in said[first]
    assert 'Unexpected keyword argument "bugdet"' in said[first + 1]
    assert 'Argument "task"' in said[first + 2]
    assert 'Missing positional argument "data"' in said[first + 3]


def test_the_names_for_type_checkers_are_those_that_are_imported():
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    homes = {
        alias.asname: node.module
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert homes == {name: f"segmentare.{home}" for name, home in segmentare._HOME.items()}  # noqa: SLF001
    (listed,) = [node for node in stub.body if isinstance(node, ast.Assign)]
    assert set(ast.literal_eval(listed.value)) == set(segmentare.__all__) == set(dir(segmentare))


def test_help_teaches():
    from pydoc import TextDoc, plain

    text = plain(TextDoc().document(segmentare.train))
    assert "budget: 'Seconds' = '10m'" in text
    assert "budget (TIME): Time for the whole training, such as 90s, 10m or 2h." in text
    assert ">>> run = segmentare.train(" in text


@pytest.mark.parametrize("function", FUNCTIONS, ids=by_name)
def test_every_option_is_spelled_out_and_explained(function):
    parameters = inspect.signature(function).parameters
    assert list(parameters) == [option.name for option in options_of(function)]
    kinds = {parameter.kind for parameter in parameters.values()}
    assert not kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}
    assert all(option.help for option in options_of(function))


@pytest.fixture(scope="module")
def results(drawn, tiny_run, tmp_path_factory):
    """A result of every command that needs no other runtime, by its name."""
    folder = tmp_path_factory.mktemp("results")
    images = drawn / "images"
    return {
        "train": segmentare.train(drawn, folder / "run", quiet=True, **TINY),
        "check": segmentare.check(drawn, page=folder / "page.html", quiet=True),
        "evaluate": segmentare.evaluate(tiny_run, drawn, report=folder / "pages", quiet=True),
        "compare": segmentare.compare(tiny_run, tiny_run, drawn, part="test", quiet=True),
        "predict": segmentare.predict(tiny_run, images, folder / "masks", quiet=True),
        "convert": segmentare.convert(drawn, folder / "yolo", "yolo", quiet=True),
        "networks": segmentare.list_networks(),
        "skeletons": segmentare.list_skeletons(),
    }


NAMES = ("train", "check", "evaluate", "compare", "predict", "convert", "networks", "skeletons")


@pytest.mark.parametrize("name", NAMES)
def test_results_show_themselves_in_ten_lines(results, name):
    shown = repr(results[name])
    assert 2 <= len(shown.splitlines()) <= 10
    assert max(map(len, shown.splitlines())) <= 100
    assert "array(" not in shown
    assert results[name]._repr_html_().startswith("<table>")


def test_a_run_shows_what_one_asks_of_it(results):
    run = results["train"]
    shown = repr(run)
    for part in (run.folder, "(17 train, 3 val, 4 test)", "unet", "4 steps in", "Dice", run.report):
        assert str(part) in shown, shown
    assert "95 % interval" in shown


def test_an_evaluation_says_where_its_report_is(results):
    found = results["evaluate"]
    assert found.report.is_file()
    assert str(found.report) in repr(found)
    assert "The model was trained on 17, was chosen by 3 of these images" in repr(found)


def test_text_of_users_is_escaped_in_notebooks(results, monkeypatch):
    found = results["check"]
    monkeypatch.setattr(type(found), "title", "<script>")
    assert "&lt;script&gt;" in found._repr_html_()
    assert "<script>" not in found._repr_html_()


@pytest.mark.parametrize(
    ("error", "built_in"),
    [
        ("InputError", ValueError),
        ("DatasetError", ValueError),
        ("ModelError", ValueError),
        ("BudgetError", ValueError),
        ("UnknownOptionError", TypeError),
        ("OutputExistsError", FileExistsError),
        ("MissingPackageError", ImportError),
    ],
)
def test_one_class_catches_all_errors_that_are_ours(error, built_in):
    assert issubclass(getattr(segmentare, error), (SegmentareError, built_in))
    assert issubclass(getattr(segmentare, error), SegmentareError)
    assert issubclass(getattr(segmentare, error), built_in)


@command
def fails(size: int = 0, *, skip_broken: bool = False) -> None:
    """Fail.

    Args:
        size (SIZE): A size.
        skip_broken: Nothing.
    """
    del skip_broken
    raise (
        segmentare.InputError("`size` is wrong; give `skip_broken=True`, `other` or `--x`.")
        if size
        else ZeroDivisionError("no [b]\nsize")
    )


@pytest.fixture
def failing(monkeypatch):
    monkeypatch.setattr(cli, "find", lambda _: fails)


@pytest.mark.usefixtures("failing")
def test_messages_name_arguments_and_the_command_line_its_options(refused):
    with pytest.raises(segmentare.InputError, match="`size` is wrong"):
        fails(1)
    assert refused("fails", "1") == "SIZE is wrong; give --skip-broken, `other` or `--x`."


@pytest.mark.usefixtures("failing")
def test_a_bug_is_one_sentence_and_a_file(run_cli, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, output, errors = run_cli("fails")
    assert (code, output) == (70, "")
    assert errors.startswith("Error: This is a bug in segmentare (ZeroDivisionError: no [b] size).")
    assert errors.count("\n") == 1
    (file,) = tmp_path.iterdir()
    assert str(file) in errors
    text = file.read_text()
    assert "Traceback" in text
    assert "raise (" in text


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "There is not enough memory for this. Free some, or give smaller images."),
        (OSError(28, "No space"), "The disk is full: nothing more could be written."),
        (PermissionError(13, "Permission denied", "a.png"), "Permission denied: 'a.png'."),
        (IsADirectoryError("It is a folder."), "It is a folder."),
        (KeyError("x"), ""),
        (ImportError("No module named 'x'"), ""),
    ],
)
def test_what_the_system_refuses_is_a_sentence_and_not_a_bug(error, sentence):
    assert cli.explain(error).startswith(sentence)
    assert bool(cli.explain(error)) == bool(sentence)


def test_json_and_text_that_cannot_be_read_are_sentences():
    import json

    for read, data in ((json.loads, "{"), (bytes.decode, b"\xff")):
        with pytest.raises(ValueError, match=r"char|byte") as raised:
            read(data)
        assert cli.explain(raised.value).startswith("A file that must be ")


def test_a_call_is_written_as_its_command_line():
    function, found = cli.parse(
        ["train", "my photos", "--out", "run", "--budget", "5m", "--no-balance", "--size", "64"]
    )
    whole = {o.name: found.get(o.name, o.default) for o in options_of(function)}
    line = "segmentare train 'my photos' --out run --budget 5m --size 64 --no-balance"
    assert command_line(function, whole) == line
    assert "--size 64x96" in command_line(function, {**whole, "size": (64, 96)})


def test_the_module_is_the_command_line():
    ran = subprocess.run(
        [sys.executable, "-m", "segmentare"], capture_output=True, text=True, check=True
    )
    assert ran.stdout.startswith("usage: segmentare COMMAND")
