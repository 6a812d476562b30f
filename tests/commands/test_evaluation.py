import json
import shutil

import cv2
import numpy as np
import pytest
from command_line import TINY
from PIL import Image

from segmentare import cli, compare, evaluate, train
from segmentare.errors import DatasetError
from segmentare.synthetic.lesion_dataset import write_dataset
from segmentare.training.runs import read_split_parts


def split_of(run):
    return json.loads((run / "split.json").read_text())


@pytest.fixture
def evaluated(tiny_run, drawn, tmp_path):
    """What `evaluate --json` writes for the test part."""
    path = tmp_path / "scores.json"
    words = ["evaluate", str(tiny_run), str(drawn), "--part", "test", "--json", str(path)]
    assert cli.main([*words, "--quiet"]) == 0
    return json.loads(path.read_text())


def is_share(value):
    return isinstance(value, float) and 0 <= value <= 1


def check_interval(score, low=0.0, high=1.0):
    assert low <= score["ci95"][0] <= score["mean"] <= score["ci95"][1] <= high


def test_the_json_is_what_scripts_rely_on(evaluated, tiny_run):
    assert evaluated["task"] == "semantic"
    assert evaluated["images"] == len(split_of(tiny_run)["test"]) == len(evaluated["per_image"])
    scores = evaluated["scores"]
    for name in ("dice", "iou", "pixel_accuracy"):
        check_interval(scores[name])
        assert is_share(scores[name]["pooled"])
    check_interval(scores["boundary_f"])
    check_interval(scores["hd95"], high=80)  # the diagonal of 48 x 64
    assert scores["hd95"]["unit"] == "px"
    assert is_share(scores["miou"])
    assert set(scores["categories"]) == {"background", "object"}
    ious = [category["iou"]["pooled"] for category in scores["categories"].values()]
    assert scores["miou"] == pytest.approx(np.mean(ious))
    for category in scores["categories"].values():
        assert {"dice", "iou", "precision", "recall", "boundary_f", "hd95"} <= set(category)
        assert set(category["dice"]) >= {"mean", "ci95", "pooled"}


def test_rows_per_image_agree_with_the_means(evaluated, tiny_run):
    rows = evaluated["per_image"]
    assert {row["name"] for row in rows} == set(split_of(tiny_run)["test"])
    for name in ("dice", "iou", "pixel_accuracy", "boundary_f", "hd95"):
        mean = np.mean([row[name] for row in rows])
        assert evaluated["scores"][name]["mean"] == pytest.approx(mean)


def test_the_test_part_is_that_of_the_run_and_was_not_seen(evaluated, tiny_run, drawn):
    split = split_of(tiny_run)
    assert sorted(split["train"] + split["val"] + split["test"]) == [
        f"drawn_{i:03d}" for i in range(24)
    ]
    assert evaluated["part"] == "test"
    assert evaluated["seen"]["trained_on"] == evaluated["seen"]["chosen_by"] == 0
    assert evaluated["seen"]["note"] is None
    for part in ("train", "val"):
        result = evaluate(tiny_run, drawn, part=part, quiet=True)
        assert {row["name"] for row in result.per_image} == set(split[part])
        assert result.seen.to_dict()["names"][part] == sorted(split[part])


def test_the_score_of_the_run_is_that_of_its_test_part(evaluated, tiny_run):
    own = json.loads((tiny_run / "scores.json").read_text())
    assert own["scores"] == evaluated["scores"]
    assert own["per_image"] == evaluated["per_image"]


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "webp"])
def test_seen_images_are_recognized_renamed_and_saved_anew(tiny_run, drawn, tmp_path, ending):
    split = split_of(tiny_run)
    chosen = [split["train"][0], split["train"][1], split["val"][0], split["test"][0]]
    for folder in ("images", "masks"):
        (tmp_path / "others" / folder).mkdir(parents=True)
    for number, name in enumerate(chosen):
        picture = Image.open(drawn / "images" / f"{name}.png")
        options = {"lossless": True} if ending == "webp" else {}
        picture.save(tmp_path / "others" / "images" / f"new{number}.{ending}", **options)
        shutil.copy(
            drawn / "masks" / f"{name}.png", tmp_path / "others" / "masks" / f"new{number}.png"
        )
    result = evaluate(tiny_run, tmp_path / "others", quiet=True).to_dict()
    assert result["images"] == 4
    assert result["seen"]["trained_on"] == 2
    assert result["seen"]["chosen_by"] == 1
    assert result["seen"]["names"]["train"] == ["new0", "new1"]
    assert result["seen"]["names"]["val"] == ["new2"]
    assert "is not a score" in result["seen"]["note"]


def test_a_copy_with_other_pixels_is_still_recognized_and_new_pictures_are_not(
    tiny_run, drawn, tmp_path
):
    shutil.copytree(drawn, tmp_path / "others")
    for path in (tmp_path / "others" / "images").iterdir():
        pixels = cv2.imread(str(path))
        cv2.imwrite(str(path), cv2.resize(pixels, None, fx=2, fy=2))
        mask = tmp_path / "others" / "masks" / path.name
        large = cv2.resize(cv2.imread(str(mask), 0), None, fx=2, fy=2, interpolation=0)
        cv2.imwrite(str(mask), large)
    result = evaluate(tiny_run, tmp_path / "others", quiet=True).to_dict()
    own = read_split_parts(tiny_run)
    assert set(result["seen"]["names"]["train"]) == own["train"]
    assert set(result["seen"]["names"]["val"]) == own["val"]
    strangers = write_dataset(tmp_path / "strangers", 6, seed=7_000_000, size=(48, 64))
    result = evaluate(tiny_run, strangers, quiet=True).to_dict()
    assert result["seen"]["trained_on"] == result["seen"]["chosen_by"] == 0


def test_the_warning_is_printed_and_reported(tiny_run, drawn, tmp_path, capsys):
    words = ["evaluate", str(tiny_run), str(drawn), "--report", str(tmp_path / "pages")]
    assert cli.main([*words, "--quiet"]) == 0
    assert "the score on them is not a score" in " ".join(capsys.readouterr().out.split())
    page = (tmp_path / "pages" / "report.html").read_text(encoding="utf-8")
    assert "<img" in page
    assert str(tiny_run.name) in page


def test_a_model_against_itself_makes_no_difference(tiny_run, drawn):
    result = compare(tiny_run, tiny_run, drawn, part="test", quiet=True)
    assert result.difference == 0
    assert result.ci95 == [0, 0]
    assert result.images == result.equal == len(split_of(tiny_run)["test"])
    assert result.seen == {"a": 0, "b": 0}
    everything = compare(tiny_run, tiny_run, drawn, score="hd95", quiet=True)
    assert everything.difference == 0
    split = split_of(tiny_run)
    seen = len(split["train"]) + len(split["val"])
    assert everything.seen == {"a": seen, "b": seen}


def test_a_split_can_be_used_again_and_no_test_part_is_said(tiny_run, drawn, tmp_path):
    again = train(drawn, tmp_path / "again", split=tiny_run / "split.json", quiet=True, **TINY)
    one, two = split_of(tiny_run), split_of(again.folder)
    assert [one[part] for part in ("train", "val", "test")] == [
        two[part] for part in ("train", "val", "test")
    ]
    none = train(drawn, tmp_path / "none", test=0, quiet=True, **TINY)
    assert none.evaluation is None
    assert none.to_dict()["test"] is None
    assert split_of(none.folder)["test"] == []
    page = none.report.read_text(encoding="utf-8")
    assert "No test part was kept, so there is no score on unseen images." in page
    with pytest.raises(DatasetError, match="The part 'test' of the run's split must have images"):
        evaluate(none.folder, drawn, part="test", quiet=True)


def test_a_model_started_from_another_remembers_its_images(tiny_run, drawn, tmp_path):
    """Half of the images train a second model that starts from the first one."""
    split = split_of(tiny_run)
    half = tmp_path / "half.json"
    names = split["test"]
    half.write_text(json.dumps({"train": names[:2], "val": names[2:3], "test": names[3:]}))
    options = {**TINY, "start": str(tiny_run), "split": half}
    second = train(drawn, tmp_path / "second", quiet=True, **options)
    seen = evaluate(second.folder, drawn, quiet=True).seen.names()
    assert set(seen) == {*split["train"], *split["val"], *names[:3]}


def test_images_that_cannot_be_scored_are_named(tiny_run, drawn, tmp_path, capsys):
    shutil.copytree(drawn, tmp_path / "others")
    path = tmp_path / "others" / "images" / "drawn_005.png"
    path.write_bytes(path.read_bytes()[:200])
    words = ["evaluate", str(tiny_run), str(tmp_path / "others"), "--quiet"]
    assert cli.main([*words, "--json", str(tmp_path / "scores.json")]) == 1
    result = json.loads((tmp_path / "scores.json").read_text())
    assert result["images"] == 23
    assert [failed["name"] for failed in result["failed"]] == ["drawn_005"]
    assert "drawn_005" in capsys.readouterr().out


def test_images_of_another_kind_are_a_sentence(tiny_run, drawn, tmp_path):
    shutil.copytree(drawn / "masks", tmp_path / "deep" / "masks")
    (tmp_path / "deep" / "images").mkdir()
    for number in range(24):
        deep = np.random.default_rng(number).integers(0, 60000, (48, 64)).astype(np.uint16)
        cv2.imwrite(str(tmp_path / "deep" / "images" / f"drawn_{number:03d}.tif"), deep)
    with pytest.raises(DatasetError, match=r"None of 24 images .*1 channel of uint16"):
        evaluate(tiny_run, tmp_path / "deep", quiet=True)


def test_data_of_other_categories_is_a_sentence(tiny_run, drawn, tmp_path):
    shutil.copytree(drawn, tmp_path / "three")
    for path in (tmp_path / "three" / "masks").iterdir():
        pixels = np.array(Image.open(path)) // 255
        pixels[:8] = 2
        Image.fromarray(pixels).save(path)
    with pytest.raises(ValueError, match=r"must have the model's 2 categories .* it has 3"):
        evaluate(tiny_run, tmp_path / "three", quiet=True)
