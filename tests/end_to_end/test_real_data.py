"""Every set of real images goes the whole way: read, train three steps, score, predict."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import TINY
from PIL import Image, ImageOps

from segmentare import predict, train
from segmentare.annotations.segmentation import is_binary
from segmentare.datasets import open_dataset
from segmentare.images.reading import read_image

pytestmark = pytest.mark.slow

SETS = {
    "ph2": ("ph2", 12),
    "ph2/original_layout/PH2Dataset": ("ph2", 6),
    "person_ccp": ("folder", 12),
    "person_portraits": ("folder", 12),
    "camvid": ("camvid", 12),
    "blood_cells_wbc": ("folder", 12),
    "retina_drive": ("drive", 12),
}


def copy_some(dataset, count, target):
    """Copy the files of some images, evenly spread, with their tables cut to what is there."""
    records = list(dataset.records)
    chosen = [records[i] for i in np.linspace(0, len(records) - 1, count).round().astype(int)]
    for record in chosen:
        for path in (record.image, record.mask, record.valid):
            if path is not None:
                to = target / Path(path).relative_to(dataset.root)
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, to)
    names = [Path(record.image).stem.removesuffix("_Dermoscopic_Image") for record in chosen]
    for table in (*dataset.root.glob("*.csv"), *dataset.root.glob("PH2_dataset.txt")):
        lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
        if table.name != "classes.csv":
            lines = [lines[0], *(line for line in lines[1:] if any(n in line for n in names))]
        (target / table.name).write_text("".join(lines), encoding="utf-8")
    for table in dataset.root.glob("*/classes.csv"):
        shutil.copy(table, target / table.relative_to(dataset.root))
    return target


@pytest.fixture(scope="module", params=SETS)
def whole(request, data):
    """One real set as it lies there, and how many of its images to take."""
    reader, count = SETS[request.param]
    dataset = open_dataset(data / request.param)
    assert dataset.reader == reader
    return dataset, count


def test_the_whole_way(whole, tmp_path):
    dataset, count = whole
    few = copy_some(dataset, count, tmp_path / "few")
    opened = open_dataset(few)
    assert opened.reader == dataset.reader
    assert len(opened) == count
    assert [c.name for c in opened.categories] == [c.name for c in dataset.categories]
    options = {**TINY, "steps": 3, "allow_duplicates": True}
    run = train(few, tmp_path / "run", quiet=True, **options)
    assert run.report.is_file()
    assert 0 <= run.evaluation.scores["miou"] <= 1
    assert sum(len(names) for names in run.parts.by_part().values()) == count
    check_masks(run, opened.records[:2], tmp_path / "masks")


def check_masks(run, records, out):
    result = predict(run.folder, [record.image for record in records], out, quiet=True)
    assert result.failed == []
    categories = run.predictor.task.categories
    for record, row in zip(records, result.rows, strict=True):
        mask = Image.open(out / row["mask"])
        height, width = read_image(record.image).shape[:2]
        assert mask.size == (width, height)
        assert mask.mode == ("L" if is_binary(categories) else "P")
        values = set(np.unique(np.array(mask)).tolist())
        assert values <= ({0, 255} if is_binary(categories) else set(range(len(categories))))


def test_labels_and_parts_of_the_sets(whole):
    dataset, _ = whole
    labels = {key for record in dataset.records for key in record.labels}
    parts = {record.part for record in dataset.records}
    if dataset.reader == "ph2":
        assert labels == {"diagnosis"}
    if dataset.reader == "camvid":
        assert len(dataset.categories) == 11
        assert parts == {"train", "val", "test"}
    if dataset.reader == "drive":
        assert all(record.valid for record in dataset.records)
        assert parts == {"train", "test"}


def test_a_person_before_a_background(data, tmp_path):
    portraits = open_dataset(data / "person_portraits")
    few = copy_some(portraits, 12, tmp_path / "few")
    longer = {**TINY, "steps": 80, "batch": 4, "learning_rate": 1e-2, "size": 64}
    run = train(few, tmp_path / "run", quiet=True, **longer)
    person = portraits.records[3].image
    background = min((data / "camvid" / "CamVid" / "test").iterdir())
    out = tmp_path / "tv"
    predict(
        run.folder, person, out, cutout=True, probability=True, background=background, quiet=True
    )
    picture = read_image(person)
    rgba = np.array(Image.open(out / f"{person.stem}.cutout.png"))
    assert rgba.shape == (*picture.shape[:2], 4)
    placed = np.array(Image.open(out / f"{person.stem}.background.jpg")).astype(int)
    assert placed.shape == picture.shape
    mask = np.array(Image.open(out / f"{person.stem}.png"))
    inside, outside = rgba[..., 3] == 255, rgba[..., 3] == 0
    assert mask[inside].min(initial=255) == 255
    assert mask[outside].max(initial=0) == 0
    beach = np.array(ImageOps.fit(Image.open(background), picture.shape[1::-1]))
    for where, expected in ((inside, picture), (outside, beach)):  # JPEG keeps colors, nearly
        assert np.abs(placed - expected)[where].sum() <= 10 * 3 * where.sum()
        assert where.mean() > 0.01
