import inspect
import json
import shlex
import subprocess
import sys

import pytest
from command_line import TINY

import segmentare
from segmentare import cli
from segmentare.commands import COMMANDS
from segmentare.commands.options import options_of


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_with_examples_that_can_be_typed(run_cli, command):
    code, output, _ = run_cli(command, "--help")
    assert code == 0
    examples = output.split("examples:\n")[1].strip().splitlines()
    assert 2 <= len(examples) <= 4
    for line in examples:
        name, *words = shlex.split(line.partition(" > ")[0])
        assert name == "segmentare"
        assert words[0] == command
        function, values = cli.parse(words)
        assert function is cli.find(command)
        assert set(values) - {"json"} <= set(inspect.signature(function).parameters)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_a_help(command):
    for option in options_of(cli.find(command)):
        assert option.help.endswith("."), option.name
        assert option.help[0].isupper(), option.name


@pytest.mark.parametrize("words", [["--help"], ["-h"], []])
def test_the_help_names_every_command(run_cli, words):
    code, output, _ = run_cli(*words)
    assert code == 0
    assert all(f"\n  {command} " in output for command in COMMANDS)


def test_the_version_is_said(run_cli):
    code, output, _ = run_cli("--version")
    assert code == 0
    assert output.startswith("segmentare 0.")


@pytest.mark.parametrize("words", [["fly"], ["train"], ["predict", "run", "a.png"]])
def test_wrong_usage_is_a_sentence(refused, words):
    assert "--help" in refused(*words)


HEAVY = (
    "numpy",
    "rich",
    "torch",
    "cv2",
    "scipy",
    "matplotlib",
    "transformers",
    "lightning_fabric",
    "pandas",
)


@pytest.mark.parametrize(
    "code",
    [
        "import segmentare; dir(segmentare)",
        "from segmentare.cli import main; main(['--help'])",
        "from segmentare.cli import main; main(['train', '--help'])",
        "from segmentare.cli import main; main(['train', '--bugdet', '5s'])",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code):
    script = (
        f"import sys\ntry:\n    {code}\nexcept SystemExit: pass\n"
        f"print('found', [name for name in {HEAVY} if name in sys.modules])"
    )
    ran = subprocess.run(  # noqa: S603  our own words
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == "found []"


def test_every_public_name_is_there():
    for name in segmentare.__all__:
        assert getattr(segmentare, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'levitate'"):
        _ = segmentare.levitate


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", 90),
        ("90s", 90),
        ("10m", 600),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1.5m", 90),
        (7.5, 7.5),
    ],
)
def test_durations(text, expected):
    from segmentare.commands.values import parse_duration

    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "0", "-3m", "ten", "10m2h", "5 apples", 0, float("nan")])
def test_what_is_no_duration_is_a_sentence(text):
    from segmentare.commands.values import parse_duration

    with pytest.raises(ValueError, match="A time must be such as"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("256", (256, 256)), (256, (256, 256)), ("192x256", (192, 256)), ((64, 96), (64, 96))],
)
def test_sizes(text, expected):
    from segmentare.commands.values import parse_size

    assert parse_size(text) == expected


@pytest.mark.parametrize("text", ["", "31", "1x2x3", "axb", "-64", "64.5", "192x", 8])
def test_what_is_no_size_is_a_sentence(text):
    from segmentare.commands.values import parse_size

    with pytest.raises(ValueError, match="A size must be pixels such as 256 or 192x256"):
        parse_size(text)


def test_networks_are_listed(run_cli):
    code, output, _ = run_cli("networks", "--json")
    assert code == 0
    rows = json.loads(output)
    assert {row["network"] for row in rows} == {"unet", "segnet"}
    assert all(row["parameters"] > 1e6 for row in rows)


def test_json_of_check_goes_where_it_is_asked_to(photos, run_cli, tmp_path):
    file = tmp_path / "findings.json"
    assert run_cli("check", photos, "--no-page", "--json", file, "--quiet")[0] == 0
    code, printed, _ = run_cli("check", photos, "--no-page", "--quiet", "--json")
    assert code == 0
    written = json.loads(file.read_text())
    assert written.pop("generator") == "segmentare check"
    assert json.loads(printed) == written
    code, _, errors = run_cli("check", "--no-page", "--json", photos)
    assert code == 2
    assert "put --json last" in errors


def test_the_demo_goes_the_whole_way(run_cli, monkeypatch, tmp_path):
    def tiny(*words, budget, seed, **options):
        assert (budget, seed) == ("1m", 2)
        return segmentare.train(*words, seed=seed, **{**TINY, **options})

    monkeypatch.setattr("segmentare.commands.demo.train", tiny)
    monkeypatch.setattr("segmentare.commands.demo._IMAGES", 16)
    monkeypatch.setattr("segmentare.commands.demo._NEW", 2)
    for _ in range(2):  # a second demo does not stumble over the first
        code, output, errors = run_cli(
            "demo", "--out", tmp_path / "demo", "--budget", "1m", "--seed", 2
        )
        assert code == 0, errors
        assert "dice" in output
        assert "report.html" in errors
    made = {str(path.relative_to(tmp_path / "demo")) for path in (tmp_path / "demo").glob("*/*")}
    assert {"run/report.html", "run/model.json", "masks/predictions.jsonl"} <= made
    assert len(list((tmp_path / "demo" / "masks").glob("*.overlay.jpg"))) == 2
