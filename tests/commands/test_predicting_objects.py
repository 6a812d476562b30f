"""Prediction and evaluation of objects, with predictors that know the answer or spoil it."""

import csv
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from object_scenes import draw, random_scene
from PIL import Image
from read_page import Page

from segmentare.annotations.segmentation import Category, Segmentation
from segmentare.commands.predict import predict
from segmentare.commands.scoring import _of_evaluation
from segmentare.report.evaluation import image_score, score
from segmentare.report.report import ReportData, write_report
from segmentare.runtimes.loading import Opened
from segmentare.tasks.instance import InstanceTask
from segmentare.tasks.panoptic import PanopticTask
from segmentare.training.runs import Seen

KINDS = (
    Category("soil", (90, 60, 0), background=True),
    Category("cell", (255, 0, 0), thing=True),
    Category("debris", (0, 255, 0), thing=True),
)
MEADOW = (Category("grass", (60, 200, 60)), *KINDS[1:])
SIZE = (60, 80)


def scene(seed):
    return draw(random_scene(seed + 3, categories=2, size=SIZE, objects=4))


@dataclass
class Fake:
    """Recognizes an image by the seed in its first pixel."""

    task: object
    stop_at: int = -1

    def predict(self, image):
        seed = int(image[0, 0, 0])
        if seed == self.stop_at:
            raise KeyboardInterrupt
        found = scene(seed)[0]
        probability = np.full(SIZE, 0.8, np.float32)
        return Segmentation(found.category, found.instance, probability, found.scores)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for seed, name in enumerate(("a.png", "b.c.png", "deep/a.png")):
        image = np.full((*SIZE, 3), 100, np.uint8)
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
    return {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}


def table(out):
    with (out / "objects.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_files_of_instances(fake, photos, tmp_path):
    fake(InstanceTask(KINDS))
    out = tmp_path / "out"
    result = predict("run", [photos], out, overlay=True, pixel_size=0.25)
    stems = ("a", "b.c", "deep/a")
    endings = (".png", ".ids.png", ".overlay.jpg")
    tables = {"predictions.jsonl", "objects.csv", "coco_results.json", "coco_images.json"}
    assert names(out) == {stem + ending for stem in stems for ending in endings} | tables
    rows = table(out)
    for seed, (stem, row) in enumerate(zip(stems, result.rows, strict=True)):
        found = scene(seed)[0]
        assert np.array_equal(np.array(Image.open(out / f"{stem}.ids.png")), found.instance)
        assert np.array_equal(np.array(Image.open(out / f"{stem}.png")), found.category)
        own = [r for r in rows if r["image"] == f"{stem}.png"]
        ids = np.unique(found.instance[found.instance > 0])
        assert [int(r["id"]) for r in own] == ids.tolist()
        assert row["objects"] == len(ids)
        assert row["ids"] == f"{stem}.ids.png"
        for kind in KINDS[1:]:
            entry = row["categories"][kind.name]
            those = [float(r["score"]) for r in own if r["category"] == kind.name]
            assert entry["objects"] == len(those)
            mean = pytest.approx(np.mean(those), abs=1e-5) if those else None
            assert entry["mean_score"] == mean
        areas = np.bincount(found.instance.ravel())[ids]
        assert [float(r["area_um2"]) for r in own] == (areas / 16).tolist()
    assert json.loads((out / "predictions.jsonl").read_text().splitlines()[2]) == result.rows[2]
    listed = json.loads((out / "coco_images.json").read_text())
    assert [entry["file_name"] for entry in listed["images"]] == ["a.png", "b.c.png", "deep/a.png"]
    assert listed["categories"] == [{"id": 1, "name": "cell"}, {"id": 2, "name": "debris"}]
    results = json.loads((out / "coco_results.json").read_text())
    assert len(results) == len(rows)


def test_files_of_panoptic(fake, photos, tmp_path):
    fake(PanopticTask(MEADOW))
    out = tmp_path / "out"
    result = predict("run", [photos], out, cutout=True)
    stems = ("a", "b.c", "deep/a")
    expected = {f"{stem}{ending}" for stem in stems for ending in (".png", ".cutout.png")}
    expected |= {f"panoptic/{stem}.png" for stem in stems}
    assert names(out) == expected | {"predictions.jsonl", "objects.csv", "panoptic.json"}
    data = json.loads((out / "panoptic.json").read_text())
    assert [entry["file_name"] for entry in data["annotations"]] == [f"{s}.png" for s in stems]
    assert [entry["isthing"] for entry in data["categories"]] == [0, 1, 1]
    assert "objects" not in result.rows[0]["categories"]["grass"]
    assert result.rows[0]["panoptic"] == "panoptic/a.png"
    found = scene(0)[0]
    opaque = np.array(Image.open(out / "a.cutout.png"))[..., 3]
    assert opaque[found.category > 0].mean() > 200
    assert opaque[found.category == 0].mean() < 60  # the grass stays out


def test_unlabeled_pixels_of_one_kind_on_its_ground(fake, photos, tmp_path, monkeypatch):
    made = fake(PanopticTask(KINDS[:2]))
    category = np.full(SIZE, 255, np.uint8)
    category[:9] = 0
    found = Segmentation(category, np.zeros(SIZE, np.int32), np.ones(SIZE, np.float32))
    monkeypatch.setattr(type(made), "predict", lambda *_: found)
    predict("run", [photos / "a.png"], tmp_path / "out")
    with Image.open(tmp_path / "out" / "a.png") as picture:
        assert np.array_equal(np.array(picture), category)
    assert table(tmp_path / "out") == []


def test_repeated_calls_keep_earlier_rows(fake, photos, tmp_path):
    fake(InstanceTask(KINDS))
    out = tmp_path / "out"
    predict("run", [photos / "a.png"], out)
    with pytest.raises(FileExistsError):
        predict("run", [photos / "a.png"], out)
    (out / "a.png").unlink()
    with pytest.raises(FileExistsError, match=r"'a\.ids\.png'"):
        predict("run", [photos / "a.png"], out)
    predict("run", [photos / "b.c.png"], out)
    assert {row["image"] for row in table(out)} == {"a.png", "b.c.png"}
    before = table(out)
    predict("run", [photos / "a.png"], out, overwrite=True)
    assert sorted(map(str, table(out))) == sorted(map(str, before))
    assert len((out / "predictions.jsonl").read_text().splitlines()) == 2


def test_what_was_predicted_before_an_interrupt_is_in_the_tables(fake, photos, tmp_path):
    fake(InstanceTask(KINDS), stop_at=2)
    with pytest.raises(KeyboardInterrupt):
        predict("run", [photos], tmp_path / "out")
    assert {row["image"] for row in table(tmp_path / "out")} == {"a.png", "b.c.png"}
    assert len((tmp_path / "out" / "predictions.jsonl").read_text().splitlines()) == 2


def test_nothing_is_predicted_with_a_bad_pixel_size_or_damaged_tables(fake, photos, tmp_path):
    fake(InstanceTask(KINDS))
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="above 0"):
        predict("run", [photos], out, pixel_size=0.0)
    assert not out.exists()
    out.mkdir()
    (out / "coco_results.json").write_text("{")
    with pytest.raises(ValueError, match=r"coco_results.json is damaged"):
        predict("run", [photos], out)
    assert names(out) == {"coco_results.json"}


@dataclass
class Drawn:
    """A dataset of random scenes."""

    categories: tuple = KINDS
    records: list = field(default_factory=list)
    root: Path = Path("drawn")

    def __getitem__(self, index):
        from segmentare.annotations.segmentation import Sample

        image = np.full((*SIZE, 3), 100, np.uint8)
        image[0, 0] = index
        return Sample(image, scene(index)[1], self.records[index].name)

    def __len__(self):
        return len(self.records)


def drawn(count, categories):
    from segmentare.datasets.base import Record

    return Drawn(categories, [Record(f"image {i}", Path(f"{i}.png")) for i in range(count)])


@pytest.mark.parametrize(
    "task", [InstanceTask(KINDS), PanopticTask(MEADOW)], ids=["instance", "panoptic"]
)
def test_an_evaluation_counts_and_shows_outcomes(task, tmp_path):
    dataset = drawn(7, task.categories)
    found = score(Fake(task), dataset, dataset.records, seen=Seen())
    assert set(found.outcomes) == set(found.pictures) == {r.name for r in dataset.records}
    for row in found.per_image:
        counts = found.outcomes[row["name"]]
        gap = counts["matched"] - row["objects_matched"]
        assert gap in ({0, 1} if task.name == "panoptic" else {0})
    assert "outcomes" not in found.to_dict()
    parts = _of_evaluation(found, task.name, task.headline)
    shown = [picture.name for picture in parts["pictures"]]
    order = sorted(found.per_image, key=lambda row: row[task.headline])
    worst = [picture.name for picture in parts["pictures"] if picture.rank == "worst"]
    assert worst == [row["name"] for row in order[: len(worst)]]
    assert shown[len(worst)] == order[-1]["name"]
    write_report(tmp_path / "report.html", ReportData("Objects", **parts))
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert {"counts", "pictures", "scores"} <= page.ids
    assert "missed (dashed)" in page.text
    ending = " segments" if task.name == "panoptic" else ""
    first = found.outcomes[shown[0]]
    assert f"{first['missed']} missed{ending}" in page.text
    true = sum(row["objects_true"] for row in found.per_image)
    predicted = sum(row["objects_predicted"] for row in found.per_image)
    assert f"{predicted} ({100 * (predicted - true) / true:+.1f} %)" in page.text
    exact = sum(row["objects_true"] == row["objects_predicted"] for row in found.per_image)
    assert f"{exact} of 7" in page.text


def test_images_are_judged_by_dice_where_the_main_score_is_of_the_whole_set():
    assert image_score("miou", [{"dice": 0.5}]) == "dice"
    assert image_score("pq", [{"pq": 0.5, "dice": 1}]) == "pq"


def test_real_nuclei(fake, data, tmp_path):
    from segmentare.datasets import open_dataset

    dataset = open_dataset(data / "nuclei_dsb2018", task="instance")
    made = fake(InstanceTask(dataset.categories))
    sample = dataset[0]
    made.predict = lambda _: sample.annotation
    source = dataset.records[0].image
    shutil.copy(source, tmp_path / source.name)
    predict("run", [tmp_path / source.name], tmp_path / "out", overlay=True)
    rows = table(tmp_path / "out")
    assert len(rows) == sample.annotation.instance.max() > 5
    inside = sample.annotation.instance > 0
    mean = sum(float(r["area_px"]) * float(r["mean_red"]) for r in rows) / inside.sum()
    assert mean == pytest.approx(sample.image[inside][:, 0].mean(), rel=1e-5)
