import json
import shlex
import subprocess
import sys

import pytest

from segmentare.interfaces import cli

COMMANDS = ("demo", "check", "train", "evaluate", "compare", "predict", "networks")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_with_an_example_that_can_be_typed(run_cli, command):
    code, output, _ = run_cli(command, "--help")
    assert code == 0
    examples = output.split("example:\n")[1].strip().splitlines()
    assert examples
    for line in examples:
        name, *words = shlex.split(line)
        assert name == "segmentare"
        assert words[0] == command
        cli.parser().parse_args(words)


def test_the_help_names_every_command(run_cli):
    code, output, _ = run_cli("--help")
    assert code == 0
    assert all(f"\n    {command} " in output for command in COMMANDS)


def test_the_version_is_said(run_cli):
    code, output, _ = run_cli("--version")
    assert code == 0
    assert output.startswith("segmentare 0.")


@pytest.mark.parametrize("words", [[], ["fly"], ["train"], ["predict", "run", "a.png"]])
def test_wrong_usage_is_a_sentence(refused, words):
    assert "--help" in refused(*words)


HEAVY = ("torch", "cv2", "scipy", "matplotlib", "transformers", "lightning_fabric", "pandas")


@pytest.mark.parametrize(
    "code",
    [
        "import segmentare; dir(segmentare)",
        "from segmentare.interfaces.cli import main; main(['--help'])",
        "from segmentare.interfaces.cli import main; main(['train', '--help'])",
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
    import segmentare

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
    from segmentare.interfaces.api import parse_duration

    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "0", "-3m", "ten", "10m2h", "5 apples", 0, float("nan")])
def test_what_is_no_duration_is_a_sentence(text):
    from segmentare.interfaces.api import parse_duration

    with pytest.raises(ValueError, match="A time must be such as 90s, 10m or 2h; got"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("256", (256, 256)), (256, (256, 256)), ("192x256", (192, 256)), ((64, 96), (64, 96))],
)
def test_sizes(text, expected):
    from segmentare.interfaces.api import parse_size

    assert parse_size(text) == expected


@pytest.mark.parametrize("text", ["", "31", "1x2x3", "axb", "-64", "64.5", "192x", 8])
def test_what_is_no_size_is_a_sentence(text):
    from segmentare.interfaces.api import parse_size

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
    assert json.loads(printed) == json.loads(file.read_text())
    code, _, errors = run_cli("check", "--no-page", "--json", photos)
    assert code == 2
    assert "put --json last" in errors


def test_the_demo_goes_the_whole_way(run_cli, monkeypatch, tmp_path):
    from segmentare.architecture import NetworkSpec
    from segmentare.interfaces import demo
    from segmentare.wishes import Wishes

    def wishes(budget, seed):
        assert (budget, seed) == (60.0, 2)
        spec = NetworkSpec(encoder="resnet", width=0.125)
        return Wishes(steps=4, size=(32, 32), batch=2, precision="float32", spec=spec, seed=seed)

    monkeypatch.setattr(demo, "Wishes", wishes)
    monkeypatch.setattr(demo, "_IMAGES", 16)
    monkeypatch.setattr(demo, "_NEW", 2)
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
