"""An image predicted in parts shows what it shows when it is predicted whole."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import tifffile
from large_scenes import SIZE, TASKS, draw, knowing

from segmentare.annotations.measures import measure
from segmentare.images.tiff_windows import TiffWindows
from segmentare.images.windows import WholeImage
from segmentare.large import blocks
from segmentare.large import prediction as large
from segmentare.large.assembly import Answers
from segmentare.large.blocks import Workspace, plan_blocks
from segmentare.large.files import write_tiff
from segmentare.large.grids import Grid
from segmentare.large.measures import measure_blocks
from segmentare.prediction.preprocessing import Preprocessing


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Blocks of one tile, some of them computed together: seams in both directions."""
    monkeypatch.setattr(blocks, "_WIDEST", blocks.TILE)
    monkeypatch.setattr(blocks, "_CANVAS", 8 << 20)


def in_parts(predictor, image, folder):
    """Return what the parts of an image show together, and how it was cut."""
    windows = WholeImage(image)
    grid = Grid(windows, predictor.preprocessing)
    plan = plan_blocks(grid.frame, predictor.task)
    workspace = Workspace(folder / "parts")
    workspace.open({})
    wanted = large.Wanted(probability=True, picture=True)
    steps = list(large.predict_blocks(predictor, grid, windows, plan, (workspace, wanted)))
    assert steps[-1].done == steps[-1].total == steps[-1].computed
    assert steps[-1].blocks == len(plan.blocks)
    assert all(a.done <= b.done for a, b in pairwise(steps))
    return Answers(workspace, plan, predictor.task), plan


def put_together(part, plan, dtype):
    """Return a map of the whole image."""
    whole = np.zeros(plan.size, dtype)
    for place in plan.blocks:
        whole[slice(*place[0]), slice(*place[1])] = part(place)
    return whole


@pytest.mark.parametrize("name", TASKS)
def test_parts_show_what_the_whole_shows(name, tmp_path):
    task = TASKS[name]
    truth = draw(kinds=len(task.categories) - 1)
    image, predictor = knowing(task, truth)
    expected = predictor.predict(image)
    answers, plan = in_parts(predictor, image, tmp_path)
    assert len(plan.rows) == 3
    assert len(plan.columns) == 3
    assert np.array_equal(put_together(answers.category, plan, np.uint8), expected.category)
    probability = put_together(answers.probability, plan, np.uint8)
    assert np.array_equal(probability, np.rint(255 * expected.probability).astype(np.uint8))
    areas = np.bincount(expected.category.ravel(), minlength=256)
    assert np.array_equal(answers.areas, areas)
    rows, columns = np.nonzero(expected.category == 1)
    box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert answers.boxes[1].tolist() == box
    if expected.instance is None:
        assert answers.objects is None
        with pytest.raises(ValueError, match="told apart"):
            answers.ids(plan.blocks[0])
        return
    found = put_together(answers.ids, plan, np.int32)
    pairs = np.unique(np.stack([found.ravel(), expected.instance.ravel()]), axis=1).T
    count = expected.instance.max()
    assert len(pairs) == count + 1, "each object must have exactly one id"
    assert len(answers.objects.scores) == count
    table = dict(pairs.tolist())
    same = [table[number] - 1 for number in range(1, count + 1)]
    assert answers.objects.scores == pytest.approx(expected.scores[same], abs=0.02)
    assert all(a >= b for a, b in pairwise(answers.objects.scores))


def test_an_object_larger_than_all_that_a_part_sees_stays_one(tmp_path):
    task = TASKS["center"]
    truth = draw()
    truth.instance[:] = 0
    truth.category[:] = 0
    truth.instance[500:530, 20:1280] = 1
    truth.instance[600:1000, 505:520] = 2
    truth.category[truth.instance > 0] = 1
    image, predictor = knowing(task, truth)
    answers, plan = in_parts(predictor, image, tmp_path)
    found = put_together(answers.ids, plan, np.int32)
    assert len(answers.objects.scores) == 2
    assert np.array_equal(found > 0, truth.instance > 0)


def test_measures_are_those_of_the_whole(tmp_path):
    task = TASKS["center"]
    image, predictor = knowing(task, draw())
    answers, plan = in_parts(predictor, image, tmp_path)
    path = tmp_path / "ids.tif"
    write_tiff(path, plan, answers.ids, np.dtype(np.uint16))
    ids = tifffile.imread(path)
    assert np.array_equal(ids, put_together(answers.ids, plan, np.uint16))
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    with TiffWindows(path) as file:
        found = measure_blocks(file, WholeImage(pixels), plan, answers.objects.kinds)
    category = (ids > 0).astype(np.uint8)
    expected = measure(
        dataclasses.replace(draw(), category=category, instance=ids.astype(np.int32)), pixels
    )
    for name, values in vars(expected).items():
        assert getattr(found, name) == pytest.approx(values, rel=1e-6, abs=1e-6), name


def test_the_picture_of_the_whole(tmp_path):
    image, predictor = knowing(TASKS["semantic"], draw())
    answers, plan = in_parts(predictor, image, tmp_path)
    picture = large.overview(plan.size, answers.pictures())
    assert picture.shape == image.shape  # it is small enough
    assert np.array_equal(picture, image)
    parts = ((p, large.thinned(answers.category(p), plan.size, p)) for p in plan.blocks)
    assert np.array_equal(
        large.overview(plan.size, parts), put_together(answers.category, plan, np.uint8)
    )


def test_a_picture_of_a_larger_image_is_small():
    size = (5000, 9000)
    values = np.arange(5000)[:, None] // 100 + np.zeros((1, 9000), int)
    places = [
        ((y, min(y + 512, 5000)), (x, min(x + 512, 9000)))
        for y in range(0, 5000, 512)
        for x in range(0, 9000, 512)
    ]
    parts = ((p, large.thinned(values[slice(*p[0]), slice(*p[1])], size, p)) for p in places)
    found = large.overview(size, parts)
    assert found.shape == (1138, 2048)
    expected = (np.arange(1138) + 0.5) * 5000 / 1138 // 100
    assert np.abs(found - expected[:, None]).max() <= 1


def test_a_damaged_part_says_what_to_remove(tmp_path):
    image, predictor = knowing(TASKS["semantic"], draw())
    in_parts(predictor, image, tmp_path)
    workspace = Workspace(tmp_path / "parts")
    place = ((0, 512), (0, 512))
    path = workspace.place(place)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="Remove the folder"):
        workspace.load(place, "category")


def test_parts_of_another_job_are_not_used(tmp_path):
    workspace = Workspace(tmp_path / "parts")
    assert not workspace.open({"model": "a"})
    (workspace.folder / "0000000-0000000.npz").write_bytes(b"x")
    assert workspace.open({"model": "a"})
    assert workspace.bytes() == 1
    assert not workspace.open({"model": "b"})
    assert workspace.bytes() == 0
    (workspace.folder / "job.json").write_text("{")
    assert not workspace.open({"model": "b"})


def frame_of(size, scale):
    return Preprocessing(3, "uint8", (0.0,) * 3, (1.0,) * 3, (256, 256), scale).frame(size)


@pytest.mark.parametrize("name", ["semantic", "center"])
@pytest.mark.parametrize("scale", [0.25, 1.0, 2.0])
def test_memory_does_not_grow_with_the_image(name, scale):
    plans = [plan_blocks(frame_of((side, side), scale), TASKS[name]) for side in (200_000, 400_000)]
    assert plans[1].memory == pytest.approx(plans[0].memory, rel=0.01)
    assert plans[1].memory < 1e9


def test_parts_that_would_not_fit_into_memory_are_refused():
    plan_blocks(frame_of((20_000, 20_000), None), TASKS["semantic"])
    with pytest.raises(ValueError, match=r"each would take \d+\.\d GB .* Train with `scale`"):
        plan_blocks(frame_of((20_000, 20_000), None), TASKS["center"])
