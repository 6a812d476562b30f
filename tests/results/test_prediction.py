"""A prediction: the annotation's attributes, pictures, files, COCO's form, a table, a repr."""

import csv
import doctest
import io
import json
import sys
from contextlib import redirect_stdout
from dataclasses import fields

import numpy as np
import pytest
import tifffile
from any_model import SCENE, TASKS, picture, write_any
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.mask import decode

import segmentare
from segmentare.annotations.instances import Instances, outline_of
from segmentare.annotations.poses import Poses
from segmentare.annotations.runlengths import RLE
from segmentare.annotations.segmentation import Sample, Segmentation
from segmentare.drawing.cutout import cutout, place
from segmentare.drawing.objects import draw_annotation
from segmentare.drawing.overlays import overlay
from segmentare.drawing.poses import draw_poses
from segmentare.errors import DatasetError, MissingPackageError
from segmentare.images.reading import read_image
from segmentare.results import prediction as module
from segmentare.results.prediction import ENDINGS, Prediction

MASKS = [name for name in TASKS if name != "pose"]
OBJECTS = [name for name in TASKS if name not in {"binary", "categories", "pose"}]


@pytest.fixture(scope="module")
def all_found(tmp_path_factory):
    """A prediction of every task."""
    folder = tmp_path_factory.mktemp("prediction")
    return {
        name: segmentare.load(write_any(folder / name, task)).predict(picture())
        for name, task in TASKS.items()
    }


@pytest.fixture(params=TASKS)
def found(request, all_found):
    return all_found[request.param]


def scene():
    """Two things, the second in two parts, and a strip of sky with unlabeled pixels in it."""
    category, instance = np.zeros((30, 40), np.uint8), np.zeros((30, 40), np.int32)
    category[20:] = 2
    category[25, :5] = 255
    for number, part in ((1, np.s_[2:8, 3:9]), (2, np.s_[10:14, 20:30]), (2, np.s_[16:18, 20:30])):
        category[part], instance[part] = 1, number
    scores = np.array([0.75, 0.5], np.float32)
    annotation = Segmentation(category, instance, scores=scores)
    return Prediction(annotation, picture(30, 40), "scene.jpg", TASKS["panoptic"])


# --- what the annotation had ---------------------------------------------------------------------


def test_it_has_what_the_annotation_has(found):
    assert type(found.annotation) in {Segmentation, Poses}
    for name in [field.name for field in fields(found.annotation)] + ["size", "nbytes"]:
        value = getattr(found.annotation, name)
        if value is None and name == "segmentation":
            assert not hasattr(found, name)
        else:
            assert getattr(found, name) is value or getattr(found, name) == value, name
    assert np.array_equal(found.image, picture())
    assert found.categories == found.task.categories


def test_silhouettes_are_masks(all_found):
    body, semantic, pose = all_found["body"], all_found["binary"], all_found["pose"]
    assert body.category is body.annotation.segmentation.category
    assert body.instance is body.annotation.segmentation.instance
    assert body.poses is body.annotation
    assert semantic.segmentation is semantic.annotation
    with pytest.raises(AttributeError, match=r"must have masks .* 'pose' finds none"):
        _ = pose.category
    with pytest.raises(AttributeError, match=r"must have keypoints .* 'semantic' finds none"):
        _ = semantic.keypoints


def test_its_length_is_the_number_of_objects(all_found):
    assert len(scene()) == 2
    assert len(all_found["centers"]) == int(all_found["centers"].instance.max())
    assert len(all_found["body"]) == len(all_found["body"].keypoints) > 0
    assert len(all_found["pose"]) == 0
    assert all_found["pose"]  # nothing was found, but it is a prediction
    with pytest.raises(TypeError, match="'semantic' does not"):
        len(all_found["binary"])


# --- pictures ------------------------------------------------------------------------------------


def test_the_overlay_is_that_of_the_command_line(all_found):
    for name, found in all_found.items():
        draw = {"binary": overlay, "categories": overlay}.get(name, draw_annotation)
        if isinstance(found.annotation, Poses):
            expected = draw_poses(found.image, found.numbered)
        else:
            expected = draw(found.image, found.annotation, found.categories)
        assert isinstance(found.overlay(), Image.Image)
        assert np.array_equal(np.asarray(found.overlay()), expected), name


def test_people_with_silhouettes_have_their_numbers(all_found):
    body = all_found["body"]
    assert body.annotation.ids is None
    assert body.numbered.ids == tuple(range(1, len(body) + 1))
    assert all_found["pose"].numbered.ids is None


def test_a_notebook_shows_a_small_overlay(found):
    with Image.open(io.BytesIO(found._repr_png_())) as shown:
        assert shown.format == "PNG"
        assert shown.size == found.overlay().size
    large = np.zeros((1500, 2000), np.uint8)
    many = Prediction(Segmentation(large), np.dstack([large] * 3), "large", TASKS["binary"])
    with Image.open(io.BytesIO(many._repr_png_())) as shown:
        assert shown.size == (1000, 750)


@pytest.mark.parametrize("name", MASKS)
def test_cut_outs(all_found, name):
    found = all_found[name]
    cut = found.cutout()
    assert (cut.mode, cut.size) == ("RGBA", (110, 75))
    if name == "binary":
        assert np.array_equal(np.asarray(cut), cutout(found.image, found.annotation))
    only = SCENE[0], SCENE[1], SCENE[2].__class__("sky", (0, 0, 255), background=True)
    if name == "panoptic":  # things, not sky
        assert np.array_equal(np.asarray(cut), cutout(found.image, found.annotation, only))


def test_backgrounds(all_found, tmp_path):
    found = all_found["binary"]
    rgba, beach = np.asarray(found.cutout()), picture(200, 100, seed=9)
    Image.fromarray(beach).save(tmp_path / "beach.png")
    expected = place(rgba, beach)
    for background in (tmp_path / "beach.png", str(tmp_path / "beach.png"), beach):
        assert np.array_equal(np.asarray(found.cutout(background)), expected)
    assert np.array_equal(np.asarray(found.cutout(Image.fromarray(beach))), expected)
    white = found.cutout("white")
    assert (white.mode, white.size) == ("RGB", (110, 75))
    assert (np.asarray(white)[rgba[..., 3] == 0] == 255).all()
    assert np.array_equal(np.asarray(found.cutout((255, 255, 255))), np.asarray(white))
    with pytest.raises(ValueError, match=r"from 0 to 255; got \(0, 0, 300\)"):
        found.cutout((0, 0, 300))
    with pytest.raises(DatasetError, match=r"'beech.png' cannot be opened"):
        found.cutout("beech.png")
    with pytest.raises(ValueError, match="must have masks"):
        all_found["pose"].cutout()


# --- files ---------------------------------------------------------------------------------------


def test_the_mask_by_its_suffix(all_found, tmp_path):
    for name in MASKS:
        found = all_found[name]
        for suffix in (".png", ".tif"):
            path = found.save(tmp_path / f"{name}{suffix}")
            stored = np.asarray(Image.open(path))
            ids = stored // 255 if name in {"binary", "centers", "flows", "body"} else stored
            assert np.array_equal(ids, found.category), path
    white = tifffile.imread(tmp_path / "binary.tif")
    assert np.array_equal(white, all_found["binary"].category * 255)


def test_the_other_files(all_found, tmp_path):
    for name in MASKS:
        found = all_found[name]
        found.save(tmp_path / f"{name}.probability.png")
        gray = np.asarray(Image.open(tmp_path / f"{name}.probability.png"))
        assert np.array_equal(gray, np.rint(found.probability * 255))
        found.save(tmp_path / f"{name}.cutout.png")
        cut = np.asarray(Image.open(tmp_path / f"{name}.cutout.png"))
        assert np.array_equal(cut, np.asarray(found.cutout()))
        if name in OBJECTS:
            found.save(tmp_path / f"{name}.ids.png")
            assert np.array_equal(Image.open(tmp_path / f"{name}.ids.png"), found.instance)
    for name, found in all_found.items():
        found.save(str(tmp_path / f"{name}.JPG"))
        shown = read_image(tmp_path / f"{name}.JPG").astype(int)
        assert np.abs(shown - np.asarray(found.overlay())).mean() < 8


def test_nothing_is_overwritten_unless_it_is_said(found, tmp_path):
    for ending in (".csv", ".json", ".jpg"):
        path = tmp_path / f"a{ending}"
        path.write_text("precious")
        with pytest.raises(FileExistsError, match="overwrite=True"):
            found.save(path)
        assert path.read_text() == "precious"
        assert found.save(path, overwrite=True) == path
        assert path.read_bytes() != b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.jpg", "a.json"]


def test_what_cannot_be_saved_is_a_sentence(all_found, tmp_path):
    for name in ("a.bmp", "a", ".png2"):
        with pytest.raises(ValueError, match=r"must end in one of \.png.*\.probability\.png; got"):
            all_found["binary"].save(tmp_path / name)
    with pytest.raises(ValueError, match="'pose' finds none"):
        all_found["pose"].save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="instance ids"):
        all_found["binary"].save(tmp_path / "a.ids.png")
    assert list(tmp_path.iterdir()) == []
    all_found["binary"].save(tmp_path / "new" / "a.png")  # a folder is made
    assert (tmp_path / "new" / "a.png").is_file()


def test_longer_ends_come_first():
    for i, ending in enumerate(ENDINGS):
        assert not any(later.endswith(ending) for later in ENDINGS[i + 1 :])


# --- COCO ----------------------------------------------------------------------------------------


def test_golden_coco():
    data = scene().to_coco(image_id=7)
    assert data["images"] == [{"id": 7, "file_name": "scene.jpg", "height": 30, "width": 40}]
    assert data["categories"] == [
        {"id": 1, "name": "x", "supercategory": ""},
        {"id": 2, "name": "sky", "supercategory": ""},
    ]
    kept = ("id", "image_id", "category_id", "bbox", "area", "iscrowd", "score")
    assert [tuple(entry[key] for key in kept) for entry in data["annotations"]] == [
        (1, 7, 1, [3, 2, 6, 6], 36, 0, 0.75),
        (2, 7, 1, [20, 10, 10, 8], 60, 0, 0.5),
        (3, 7, 2, [0, 20, 40, 10], 395, 0, 1.0),
    ]
    masks = [decode(entry["segmentation"]) for entry in data["annotations"]]
    found = scene()
    assert np.array_equal(masks[0] + 2 * masks[1], found.instance)
    assert np.array_equal(masks[2] > 0, found.category == 2)


def test_pycocotools_reads_it(found, tmp_path):
    with redirect_stdout(io.StringIO()):
        read = COCO(found.save(tmp_path / "a.json"))
        again = read.loadRes(found.to_coco()["annotations"]) if read.anns else read
    assert set(read.imgs) == {1}
    assert len(again.anns) == len(read.anns)
    shown = np.zeros((75, 110), np.uint8)
    for entry in read.anns.values():
        assert entry["category_id"] in read.cats
        assert 0 <= entry["score"] <= 1
        if "segmentation" in entry:
            shown |= read.annToMask(entry)
    if hasattr(found, "category"):
        assert np.array_equal(shown > 0, (found.category > 0) & (found.category < 255))


def test_people_have_their_keypoints_in_coco(all_found):
    body = all_found["body"]
    data = body.to_coco(image_id=3)
    assert {entry["image_id"] for entry in data["annotations"]} == {3}
    points = np.array([entry["keypoints"] for entry in data["annotations"]]).reshape(-1, 17, 3)
    there = body.keypoints[..., 2] > 0
    assert np.array_equal(points[..., 2] == 2, there)
    assert np.abs(points - body.keypoints)[there][:, :2].max() < 1e-3
    assert data["categories"][0]["keypoints"] == list(body.skeleton.keypoints)


# --- tables --------------------------------------------------------------------------------------


def test_golden_table(tmp_path):
    rows = list(csv.DictReader(scene().save(tmp_path / "a.csv").open()))
    kept = ("image", "id", "category", "score", "area_px", "x0", "y0", "x1", "y1")
    assert [tuple(row[key] for key in kept) for row in rows] == [
        ("scene.jpg", "1", "x", "0.75", "36", "3", "2", "9", "8"),
        ("scene.jpg", "2", "x", "0.5", "60", "20", "10", "30", "18"),
    ]
    assert "mean_red" in rows[0]


def test_a_frame_is_the_same_table(found, tmp_path):
    frame, rows = found.to_frame(), list(csv.DictReader(found.save(tmp_path / "a.csv").open()))
    assert list(frame["image"]) == [row["image"] for row in rows]
    if "area_px" in frame:
        assert list(frame["area_px"]) == [int(row["area_px"]) for row in rows]
    counted = {"semantic": len(found.categories) - 1, "pose": 0, "body": 17 * len(rows) // 17}
    assert len(frame) == counted.get(found.task.name, len(rows))


def test_numbers_and_names_have_their_types(all_found):
    frame = all_found["body"].to_frame()
    assert len(frame) == 17 * len(all_found["body"])
    assert frame["x"].dtype == frame["score"].dtype == float
    assert frame["person"].tolist()[::17] == list(range(1, len(all_found["body"]) + 1))
    odd = Prediction(
        Segmentation(np.zeros((4, 5), np.uint8)),
        np.zeros((4, 5, 3), np.uint8),
        "007",
        TASKS["binary"].__class__((SCENE[0], SCENE[1].__class__("NA", (1, 2, 3)))),
    ).to_frame()
    assert odd["image"].tolist() == ["007"]
    assert odd["category"].tolist() == ["NA"]
    assert odd["x0"].isna().all()


def test_without_pandas_a_sentence(found, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingPackageError, match="pip install pandas"):
        found.to_frame()


# --- what is printed -----------------------------------------------------------------------------


def test_it_says_what_was_found_in_a_few_lines(found):
    text = repr(found)
    assert len(text.splitlines()) <= 10
    assert len(text) < 400
    assert "array" not in text
    assert "75 x 110 pixels" in text
    assert f"task {found.task.name}" in text


def test_golden_repr(all_found):
    assert repr(scene()).splitlines() == [
        "Prediction of 'scene.jpg': 30 x 40 pixels (height x width), task panoptic",
        "  sky: 32.9 % of the pixels",
        "  x: 2 objects, 8.0 % of the pixels",
    ]
    nothing = Prediction(
        Segmentation(np.zeros((4, 5), np.uint8)), picture(4, 5), "a", TASKS["binary"]
    )
    assert repr(nothing).splitlines()[1:] == ["  nothing but background"]
    assert repr(all_found["pose"]).splitlines()[1:] == ["  0 people"]
    people, pixels = repr(all_found["body"]).splitlines()[1:]
    assert people.startswith(f"  {len(all_found['body'])} people, ")
    assert "keypoints of coco17 found" in people
    assert pixels.startswith(f"  person: {len(all_found['body'])} objects, ")


def test_annotations_print_no_arrays(all_found):
    flat = scene().annotation
    mask = RLE.from_mask(flat.instance == 2)
    body = all_found["body"].annotation
    golden = {
        "Segmentation(30 x 40 pixels, categories 0 1 2 255, 2 instances, scores)": flat,
        "RLE(60 of 30 x 40 pixels in 20 runs)": mask,
        "Instances(2 masks, categories 1, 30 x 40 pixels, scores)": Instances.from_segmentation(
            flat
        ),
        "Outline(2 parts, 0 holes, 8 points)": outline_of(mask),
        "Skeleton('coco17', 17 keypoints)": body.skeleton,
        f"Sample('a', uint8 image of shape (75, 110, 3), {body!r}, {{'sex': 'f'}})": Sample(
            picture(), body, "a", {"sex": "f"}
        ),
    }
    for text, value in golden.items():
        assert repr(value) == text
    assert repr(body).startswith(f"Poses({len(body)} objects of 'coco17', ")
    assert repr(body).endswith("keypoints, 75 x 110 pixels, scores, segmentation)")
    many = Segmentation(np.arange(200, dtype=np.uint8).reshape(10, 20))
    assert repr(many) == "Segmentation(10 x 20 pixels, categories 0 1 2 3 4 5 6 7 and 192 more)"


def test_the_example_runs():
    assert doctest.testmod(module).failed == 0


def test_saved_json_is_the_dictionary(found, tmp_path):
    path = found.save(tmp_path / "a.json")
    assert json.loads(path.read_text()) == json.loads(json.dumps(found.to_coco()))
