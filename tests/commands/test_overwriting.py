"""Nothing is replaced that we did not write, and no file that is read is replaced at all."""

import json
import os
import shutil
from types import SimpleNamespace

import pytest
from command_line import TRAIN, contents, images
from drawn_videos import write_video

from segmentare.commands import demo
from segmentare.overwriting import check_inputs, free_name
from segmentare.progress import Display
from segmentare.results.outputs import VideoOutputs
from segmentare.video.prediction import predict_video
from segmentare.video.writing import best_ending

MINE = "<!DOCTYPE html><title>my notes on segmentare check</title>"


@pytest.fixture
def inside(tmp_path, monkeypatch):
    """A working folder."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def test_the_page_of_a_check_takes_a_free_name(run_cli, photos, inside):
    (inside / "check-photos.html").write_text(MINE)
    for _ in range(2):  # the second one replaces the first
        code, output, _ = run_cli("check", photos, "--quiet")
        assert code == 0
        assert "Page: check-photos-2.html" in output
    assert (inside / "check-photos.html").read_text() == MINE
    assert sorted(path.name for path in inside.iterdir()) == [
        "check-photos-2.html",
        "check-photos.html",
    ]


def test_a_free_name_is_the_first_one(tmp_path):
    for name in ("a.html", "a-2.html"):
        (tmp_path / name).write_text(MINE)
    (tmp_path / "a-3.html").mkdir()
    assert free_name(tmp_path / "a.html", "check") == tmp_path / "a-4.html"


@pytest.mark.parametrize("option", ["--page", "--json"])
def test_check_replaces_its_own_files_only(refused, run_cli, photos, tmp_path, option):
    path = tmp_path / f"mine.{'html' if option == '--page' else 'json'}"
    words = ["check", photos, option, path, "--quiet"]
    path.write_text(MINE if option == "--page" else '{"images": [], "annotations": []}')
    before = path.read_bytes()
    sentence = refused(*words)
    assert f"'{path}' is there already, and `segmentare check` did not write it" in sentence
    assert path.read_bytes() == before
    path.unlink()
    more = [] if option == "--page" else ["--no-page"]
    for _ in range(2):
        assert run_cli(*words, *more)[0] == 0
    (tmp_path / "file").write_text("mine")
    sentence = refused(*words[:2], option, tmp_path / "file" / path.name, "--quiet")
    assert "file' must be a folder; it is a file" in sentence


def test_an_image_never_becomes_a_page(refused, photos):
    before = contents(photos)
    assert "is not replaced" in refused("check", photos, "--page", images(photos)[0])
    assert contents(photos) == before


@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_results_replace_those_of_the_same_command(refused, run_cli, model, drawn, command):
    folder = model.parent
    words = [command, *([model] * (1 + (command == "compare"))), drawn, "--quiet"]
    file = folder / "result.json"
    for _ in range(2):
        assert run_cli(*words, "--json", file)[0] == 0
    assert json.loads(file.read_text())["generator"] == f"segmentare {command}"
    for theirs in (model / "scores.json", model / "model.json"):
        before = theirs.read_bytes()
        assert f"`segmentare {command}` did not write it" in refused(*words, "--json", theirs)
        assert theirs.read_bytes() == before
    assert run_cli("check", drawn, "--no-page", "--json", folder / "check.json")[0] == 0
    assert "did not write it" in refused(*words, "--json", folder / "check.json")


@pytest.mark.parametrize("command", ["predict", "networks", "skeletons"])
def test_lines_and_lists_are_signed_too(refused, run_cli, model, photos, tmp_path, command):
    file, out = tmp_path / "result.json", tmp_path / "out"
    more = [model, photos / "images", "--out", out, "--overwrite", "--quiet"]
    words = [command, *(more if command == "predict" else []), "--json", file]
    file.write_text('[{"mine": 1}]')
    assert f"`segmentare {command}` did not write it" in refused(*words)
    assert not out.exists()  # it was refused before the work
    file.write_text("")
    for _ in range(2):
        assert run_cli(*words)[0] == 0
    lines = file.read_text().splitlines()
    first = json.loads(lines[0])
    assert (first if command == "predict" else first[0])["generator"] == f"segmentare {command}"
    assert len(lines) == (24 if command == "predict" else 1)


def test_a_report_replaces_reports_of_evaluations_only(refused, run_cli, model, drawn, tmp_path):
    words = ["evaluate", model, drawn, "--quiet", "--report"]
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "report.html").write_text(MINE)
    assert "did not write it" in refused(*words, tmp_path / "pages")
    assert (tmp_path / "pages" / "report.html").read_text() == MINE
    before = contents(model)
    assert "report.html' is there already" in refused(*words, model)  # that of the training
    assert contents(model) == before
    for _ in range(2):
        assert run_cli(*words, tmp_path / "new")[0] == 0


WAYS = ("the same folder", "another way to it", "a link to it", "a hard link")


@pytest.mark.parametrize("way", WAYS)
def test_images_are_never_replaced_by_masks(refused, model, photos, tmp_path, way):
    folder, out = photos / "images", photos / "images"
    if way == "another way to it":
        out = photos / "masks" / ".." / "images"
    elif way == "a link to it":
        out = tmp_path / "link"
        out.symlink_to(folder, target_is_directory=True)
    elif way == "a hard link":
        out = tmp_path / "out"
        out.mkdir()
        os.link(images(photos)[3], out / images(photos)[3].name)
    before = contents(photos)
    for extra in ([], ["--overwrite"]):
        sentence = refused("predict", model, folder, "--out", out, "--quiet", *extra)
        assert "would replace a file that is read" in sentence
        assert contents(photos) == before


def test_a_background_is_never_replaced(refused, model, photos, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    beach = shutil.copy(images(photos)[0], out / "drawn_001.background.jpg")
    words = ["predict", model, images(photos)[1], "--out", out, "--background", beach]
    before = contents(out)
    assert "would replace a file that is read" in refused(*words, "--overwrite", "--quiet")
    assert contents(out) == before


def test_a_video_is_never_replaced(tmp_path):
    film = tmp_path / f"film{best_ending()}"
    write_video(film)
    before = film.read_bytes()
    with pytest.raises(FileExistsError, match="would replace a file that is read"):
        predict_video(SimpleNamespace(task=None), film, tmp_path, VideoOutputs(overwrite=True))
    assert film.read_bytes() == before


def test_what_a_killed_job_left_of_a_large_image_is_written_again(
    run_cli, refused, model, photos, tmp_path
):
    image, out = photos / "images" / "scan.tif", tmp_path / "out"
    shutil.move(images(photos)[0], image)
    out.mkdir()
    (out / "scan.overlay.jpg").write_bytes(b"mine, or a part of one's work")
    words = ["predict", model, image, "--out", out, "--overlay", "--quiet"]
    assert "'scan.overlay.jpg'" in refused(*words)
    (out / ".scan.parts").mkdir()  # says that the work was ours
    assert run_cli(*words, "--overwrite")[0] == 0


def test_tables_of_others_are_not_taken_for_ours(tmp_path):
    from segmentare.results.growing_tables import read_earlier

    table = ("objects.csv", ("image", "id"))
    (tmp_path / "objects.csv").write_text("image,price\na.png,3\n")
    with pytest.raises(ValueError, match=r"objects.csv lacks the column id"):
        read_earlier(tmp_path, table, "coco_images.json", "coco_results.json")
    (tmp_path / "objects.csv").write_text("image,id,price\na.png,3,1\n")
    (tmp_path / "coco_results.json").write_text('[{"image_id": 7, "category_id": 1}]')
    with pytest.raises(ValueError, match="entries of images that are not listed"):
        read_earlier(tmp_path, table, "coco_images.json", "coco_results.json")


@pytest.mark.parametrize("name", ["model.json", "plan.json"])
def test_a_folder_with_names_of_a_run_is_no_run(refused, drawn, tmp_path, name):
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text('{"mine": 1}')
    (out / "log.csv").write_text("mine")
    before = contents(out)
    sentence = refused("train", drawn, "--out", out, "--overwrite", *TRAIN)
    assert "it holds other files" in sentence
    assert contents(out) == before


def test_a_training_does_not_replace_what_it_starts_from(refused, drawn, model):
    before = contents(model)
    words = ["train", drawn, "--out", model, "--overwrite", *TRAIN]
    for extra in (["--start", model], ["--split", model / "split.json"]):
        assert "would replace a file that is read" in refused(*words, *extra)
        assert contents(model) == before


def test_an_export_with_files_of_others_is_not_replaced(refused, run_cli, tiny_run, tmp_path):
    out = tmp_path / "there"
    words = ["export", tiny_run, "--to", "onnx", "--out", out, "--quiet"]
    assert run_cli(*words)[0] == 0
    (out / "notes").mkdir()
    (out / "notes" / "mine.txt").write_text("mine")
    before = contents(out)
    sentence = refused(*words, "--overwrite")
    assert "it holds 'notes/mine.txt', which is no part of the export" in sentence
    assert contents(out) == before
    (out / "notes" / "mine.txt").unlink()
    assert run_cli(*words, "--overwrite")[0] == 0
    assert not (out / "notes").exists()


def test_a_demo_replaces_demos_only(refused, model, monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "_IMAGES", 4)
    out = tmp_path / "demo"
    out.mkdir()
    model.rename(out / "run")
    before = contents(out)
    assert "it holds something else" in refused("demo", "--out", out)
    assert contents(out) == before
    drawn = out.with_name("drawn")
    demo.draw_into(drawn, "semantic", 4, 0, Display(quiet=True))
    demo.draw_into(drawn, "semantic", 3, 0, Display(quiet=True))
    assert len(list((drawn / "images").iterdir())) == 3
    (drawn / "images" / "mine.png").write_bytes(b"mine")
    with pytest.raises(FileExistsError, match=r"'images/mine.png', which was not drawn"):
        demo.draw_into(drawn, "semantic", 4, 0, Display(quiet=True))
    assert (drawn / "images" / "mine.png").read_bytes() == b"mine"


def test_missing_files_are_no_inputs(tmp_path):
    check_inputs([tmp_path / "a"], [tmp_path / "b", tmp_path / "a"])
