"""Names that a terminal's markup would take for colors, ends of colors, and pictures."""

import csv
import re

import pytest
from command_line import TRAIN, images, masks

from segmentare.progress import Display
from segmentare.terminal import console

CATEGORY, LABEL, VALUES = "[/b] lesion [word]", "[/i]", ("[/b]", ":bomb: [word]")


@pytest.fixture(params=["piped", "terminal"])
def screen(request, monkeypatch):
    """Print as into a file, and as on a terminal, where progress bars are drawn."""
    if request.param == "terminal":
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def odd(photos):
    """The drawn dataset with such names for files, categories and labels."""
    rows = []
    for number, (image, mask) in enumerate(zip(images(photos), masks(photos), strict=True)):
        name = f"[red]x{number:02d} :smile:"
        rows.append({"name": name, LABEL: VALUES[number % 4 == 0]})
        for path in (image, mask):
            path.rename(path.with_name(f"{name}.png"))
    with (photos / "labels.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ["name", LABEL])
        table.writeheader()
        table.writerows(rows)
    (photos / "classes.csv").write_text(f"id,name\n0,background\n1,{CATEGORY}\n")
    return photos.rename(photos.with_name("[blue]photos"))


def plain(text):
    return re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", text)


@pytest.mark.usefixtures("screen")
def test_a_console_shows_texts_as_they_are(capsys):
    console().print("a [/b] [red]b :smile:", style="bold")
    assert plain(capsys.readouterr().out) == "a [/b] [red]b :smile:\n"
    display = Display()
    with display.bar("[/b] film", 2) as bar:
        bar.note("[/i] note")
    display.warn("[/u] warning")
    assert "Note: [/u] warning\n" in plain(capsys.readouterr().err)


@pytest.mark.usefixtures("screen")
def test_check_and_train_and_what_follows(run_cli, odd, tmp_path):
    images(odd)[3].write_bytes(b"broken")
    code, output, _ = run_cli("check", odd, "--no-page")
    assert code == 1
    assert f"│ {CATEGORY} " in plain(output)
    assert f"{LABEL}: " in plain(output)
    assert f"17 {VALUES[0]}" in plain(output)
    assert "'[red]x03 :smile:.png' is not an image" in " ".join(plain(output).split())
    run = tmp_path / "[green]run"
    words = [word for word in TRAIN if word != "--quiet"]
    code, output, errors = run_cli("train", odd, "--out", run, "--skip-broken", *words)
    assert code == 0
    assert "'[red]x03 :smile:.png' is not an image" in plain(errors)
    assert "[green]run" in plain(output)
    report = (run / "report.html").read_text(encoding="utf-8")
    assert CATEGORY in report
    code, output, _ = run_cli("evaluate", run, odd, "--report", tmp_path / "[pages]")
    assert code == 1  # the broken one
    assert f"│ {VALUES[0]} " in plain(output)
    assert f"│ {VALUES[1]} " in plain(output)
    assert "[green]run" in plain(run_cli("compare", run, run, odd)[1])
    code, output, _ = run_cli("predict", run, odd / "images", "--out", tmp_path / "[red]out")
    assert code == 1
    assert "[red]out" in plain(output)
    assert (tmp_path / "[red]out" / "[red]x00 :smile:.png").is_file()
    assert run_cli("convert", odd, "--to", "coco", "--out", tmp_path / "[b]")[0] == 1
    assert f"│ {CATEGORY} " in plain(run_cli("check", tmp_path / "[b]", "--no-page")[1])


def test_skeletons_and_networks(run_cli, tmp_path):
    text = 'keypoints = ["[/b]", "[red]toe"]\nlimbs = [["[/b]", "[red]toe"]]\n'
    (tmp_path / "[i].toml").write_text(text)
    assert '"[/b]"' in run_cli("skeletons", tmp_path / "[i].toml")[1]
    assert run_cli("networks")[0] == 0
