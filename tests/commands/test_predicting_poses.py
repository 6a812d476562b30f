"""Prediction and evaluation of people, with predictors that know the answer."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from drawn_poses import COCO, LEAF, of_keypoints, people
from drawn_videos import write_video
from knowing_models import SIZE, Fake, seen
from PIL import Image
from untrained import write_model

from segmentare import cli
from segmentare.annotations.skeletons import SKELETONS, convert
from segmentare.commands.predict import predict
from segmentare.datasets.readers.openpose import read_openpose
from segmentare.errors import DatasetError
from segmentare.results.poses import choose_layout
from segmentare.runtimes.loading import Opened
from segmentare.synthetic.people_dataset import draw_people
from segmentare.tasks import BodyTask, InstanceTask, PoseTask
from segmentare.video.writing import best_ending

STEMS = ("a", "b.c", "deep/a")


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for seed, name in enumerate(("a.png", "b.c.png", "deep/a.png")):
        image = draw_people(seed, SIZE).image.copy()
        image[0, 0] = seed
        Image.fromarray(image).save(folder / name)
    return folder


@pytest.fixture
def fake(monkeypatch):
    """Put a fake predictor of a task in the place of every model."""

    def put(task, **options):
        made = Fake(task, **options)
        opened = Opened(made, "torch", "float32", "Engine: torch float32.")
        monkeypatch.setattr("segmentare.commands.predicting.open_model", lambda *_, **__: opened)
        return made

    return put


def names(out):
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}


def table(out):
    with (out / "keypoints.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


TABLES = {"predictions.jsonl", "keypoints.csv", "coco_results.json", "coco_images.json"}


def test_files_of_poses(fake, photos, tmp_path):
    fake(PoseTask(COCO))
    out = tmp_path / "out"
    result = predict("run", [photos], out, overlay=True)
    files = {f"{stem}{end}" for stem in STEMS for end in ("_keypoints.json", ".overlay.jpg")}
    assert names(out) == files | TABLES
    results = json.loads((out / "coco_results.json").read_text())
    listed = json.loads((out / "coco_images.json").read_text())
    assert listed["categories"][0]["keypoints"] == list(COCO.keypoints)
    numbers = {entry["file_name"]: entry["id"] for entry in listed["images"]}
    for seed, (stem, row) in enumerate(zip(STEMS, result.rows, strict=True)):
        found = seen(seed)
        again = read_openpose(out / f"{stem}_keypoints.json", SIZE)
        there = convert(found, again.skeleton).keypoints
        there = there[(there[..., 2] > 0).any(axis=1)]
        np.testing.assert_allclose(again.keypoints, there, rtol=1e-5)
        assert (row["people"], row["skeleton"]) == (len(found), "coco17")
        assert row["mean_score"] == pytest.approx(found.scores.mean())
        assert row["keypoints"] == f"{stem}_keypoints.json"
        own = [entry for entry in results if entry["image_id"] == numbers[f"{stem}.png"]]
        assert [entry["score"] for entry in own] == pytest.approx(found.scores[: len(own)])
        lines = [line for line in table(out) if line["image"] == f"{stem}.png"]
        assert len(lines) == 17 * len(found)
        assert float(lines[0]["score"]) == pytest.approx(found.keypoints[0, 0, 2])
    assert json.loads((out / "predictions.jsonl").read_text().splitlines()[2]) == result.rows[2]


def test_files_of_bodies(fake, photos, tmp_path):
    fake(BodyTask(COCO))
    out = tmp_path / "out"
    background = photos / "a.png"
    result = predict(
        "run",
        photos / "a.png",
        out,
        overlay=True,
        cutout=True,
        background=background,
        probability=True,
    )
    endings = (
        *("_keypoints.json", ".overlay.jpg", ".cutout.png", ".background.jpg", ".png"),
        *(".ids.png", ".probability.png"),
    )
    assert names(out) == {f"a{end}" for end in endings} | TABLES
    shown = seen(0).segmentation
    assert np.array_equal(np.array(Image.open(out / "a.png")), 255 * shown.category)
    assert np.array_equal(np.array(Image.open(out / "a.ids.png")), shown.instance)
    numbers = list(range(1, len(seen(0)) + 1))
    assert sorted({int(line["person"]) for line in table(out)}) == numbers
    assert set(read_openpose(out / "a_keypoints.json").ids) <= set(numbers)
    row = result.rows[0]
    assert (row["mask"], row["ids"]) == ("a.png", "a.ids.png")
    assert row["people"] == row["objects"] == len(seen(0))
    assert row["categories"]["person"]["area_px"] == int(shown.category.sum())
    assert np.array(Image.open(out / "a.cutout.png"))[..., 3][shown.category > 0].mean() > 180


def test_repeated_calls_keep_earlier_rows(fake, photos, tmp_path):
    fake(PoseTask(COCO))
    out = tmp_path / "out"
    predict("run", [photos / "a.png"], out)
    with pytest.raises(FileExistsError, match=r"'a_keypoints\.json'"):
        predict("run", [photos / "a.png"], out)
    predict("run", [photos / "b.c.png"], out)
    before = sorted(map(str, table(out)))
    assert {row["image"] for row in table(out)} == {"a.png", "b.c.png"}
    predict("run", [photos / "a.png"], out, overwrite=True)
    assert sorted(map(str, table(out))) == before
    assert len((out / "predictions.jsonl").read_text().splitlines()) == 2
    fake(PoseTask(LEAF))
    with pytest.raises(ValueError, match="must have the 4 keypoints of 'leaf'"):
        predict("run", [shutil.copy(photos / "a.png", photos / "c.png")], out)
    assert "c_keypoints.json" not in names(out)


def test_what_was_predicted_before_an_interrupt_is_in_the_tables(fake, photos, tmp_path):
    fake(PoseTask(COCO), stop_at=2)
    with pytest.raises(KeyboardInterrupt):
        predict("run", [photos], tmp_path / "out")
    assert {row["image"] for row in table(tmp_path / "out")} == {"a.png", "b.c.png"}


def test_the_layout_follows_the_skeleton(fake, photos, tmp_path, monkeypatch):
    human = ("coco17", "openpose18", "body25", "mpii16", "lsp14", "crowdpose14", "halpe136")
    assert all(choose_layout(SKELETONS[name]) == 25 for name in human)
    assert choose_layout(COCO, 18) == 18
    assert choose_layout(LEAF) is None
    with pytest.raises(ValueError, match="share some"):
        choose_layout(LEAF, 25)
    leaves = of_keypoints(np.full((1, 4, 3), 0.5), SIZE, LEAF, scores=np.ones(1, np.float32))
    monkeypatch.setattr(type(fake(PoseTask(LEAF))), "predict", lambda *_: leaves)
    predict("run", [photos / "a.png"], tmp_path / "out")
    written = json.loads((tmp_path / "out" / "a_keypoints.json").read_text())
    assert len(written["people"][0]["pose_keypoints_2d"]) == 12


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        (PoseTask(COCO), {"cutout": True}, "`cutout` needs silhouettes"),
        (PoseTask(COCO), {"probability": True}, "`probability` needs silhouettes"),
        (
            InstanceTask(PoseTask(COCO).categories),
            {"openpose": 25},
            "does not find. Leave `openpose` out",
        ),
        (PoseTask(COCO), {"openpose": 17}, "must be one of 18, 25; got 17"),
        (PoseTask(COCO), {"step": 2}, "`step` is for videos"),
        (PoseTask(COCO), {"track": False}, "`track=False` is for videos"),
    ],
)
def test_options_that_mean_nothing_are_a_sentence(fake, photos, tmp_path, task, options, message):
    fake(task)
    with pytest.raises(ValueError, match=message):
        predict("run", [photos], tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def film(tmp_path, monkeypatch):
    """A short video in which the fake sees the same people in every frame."""
    monkeypatch.setattr(Fake, "predict", lambda _, image: of_film(image))
    return write_video(tmp_path / "film.mp4", frames=3)


def of_film(image):
    if image.shape[:2] == SIZE:
        return replace(seen(0), segmentation=None)
    found = people(np.random.default_rng(0), 2, image.shape[:2])
    keypoints = found.keypoints * [1, 1, 0.45]
    return of_keypoints(keypoints, found.size, scores=np.ones(2, np.float32))


def test_images_and_videos_in_one_call_are_each_what_they_are(fake, photos, film, tmp_path):
    fake(PoseTask(COCO))
    out = tmp_path / "out"
    result = predict("run", [film, photos / "a.png"], out, last=1, openpose=18)
    frames = {f"film_json/film_{number:012d}_keypoints.json" for number in range(2)}
    assert (
        names(out) == {"a_keypoints.json", f"film{best_ending()}", "film.jsonl"} | frames | TABLES
    )
    assert (len(result.rows), result.films[0].frames, result.films[0].ids) == (1, 2, 2)
    assert result.films[0].to_dict()["video"] == "film"
    assert len(read_openpose(out / "a_keypoints.json").skeleton.keypoints) == 18


def test_videos_that_cannot_be_used_are_a_sentence(fake, photos, film, tmp_path):
    fake(PoseTask(COCO))
    out, empty = tmp_path / "out", tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    with pytest.raises(DatasetError, match="is empty"):
        predict("run", [empty], out)
    result = predict("run", [empty, film], out)
    assert [reason[:19] for _, reason in result.failed] == ["'empty.mp4' must be"]
    assert result.films[0].frames == 3
    with pytest.raises(DatasetError, match=r"would both become 'film\.jsonl'"):
        predict("run", [film, tmp_path / "film.avi"], out)
    with pytest.raises(ValueError, match="`heatmaps` is for images"):
        predict("run", [film], out, heatmaps=True)
    (photos / "only").mkdir()
    (photos / "only" / "film.mov").write_bytes(b"x")
    with pytest.raises(DatasetError, match=r"Name its videos themselves, such as .*film\.mov"):
        predict("run", [photos / "only"], out)


def test_the_command_line_reaches_cameras_and_options(tmp_path):
    words = ["0", "--first", 3, "--last", 9, "--step", 2, "--no-smooth", "--openpose", 18]
    words = ["predict", "run", *map(str, words), "--refine", "--out", str(tmp_path), "--no-flips"]
    function, values = cli.parse(words)
    assert function is predict
    assert values == {
        "run": "run",
        "images": ["0"],
        "out": str(tmp_path),
        "first": 3,
        "last": 9,
        "step": 2,
        "smooth": False,
        "openpose": 18,
        "refine": True,
        "flips": False,
    }


@pytest.mark.parametrize("task", [PoseTask(COCO), BodyTask(COCO)], ids=["pose", "body"])
def test_a_real_network_and_its_heatmaps(photos, tmp_path, run_cli, task):
    run = write_model(tmp_path / "run", task)
    out = tmp_path / "out"
    words = ["predict", run, photos / "a.png", "--out", out, "--heatmaps", "--refine", "--json"]
    code, output, errors = run_cli(*words, "--quiet")
    assert code == 0, errors
    assert json.loads(output)["skeleton"] == "coco17"
    shown = {f"a.heatmap.{head.name}.jpg" for head in task.heads}
    assert shown <= names(out)
    with Image.open(out / "a.heatmap.keypoints.jpg") as picture:
        assert picture.size == SIZE[::-1]
    assert run_cli(*words, "--quiet")[0] == 2  # the results are there
