"""Data and models that cannot be used: one sentence each, and nothing is lost."""

import json
import re
import shutil

import cv2
import numpy as np
import pytest
from command_line import TRAIN, broken_image, contents, images, masks
from PIL import Image


def test_a_missing_folder(refused, tmp_path):
    for command in ("check", "train"):
        extra = ["--out", tmp_path / "run"] if command == "train" else []
        sentence = refused(command, tmp_path / "nowhere", *extra)
        assert "nowhere' does not exist" in sentence
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder(refused, tmp_path):
    (tmp_path / "photos").mkdir()
    assert "photos' is empty" in refused("check", tmp_path / "photos")
    sentence = refused("train", tmp_path / "photos", "--out", tmp_path / "run", *TRAIN)
    assert "photos' is empty" in sentence


def no_masks(photos):
    shutil.rmtree(photos / "masks")


def no_images(photos):
    shutil.rmtree(photos / "images")


def some_masks(photos):
    for path in masks(photos)[:3]:
        path.unlink()


def some_images(photos):
    for path in images(photos)[:3]:
        path.unlink()


def wrong_size(photos):
    Image.open(masks(photos)[0]).resize((20, 20)).save(masks(photos)[0])


def unknown_value(photos):
    pixels = np.array(Image.open(masks(photos)[0]))
    pixels[:5, :5] = 77
    Image.fromarray(pixels).save(masks(photos)[0])


def one_category(photos):
    for path in masks(photos):
        Image.fromarray(np.zeros((48, 64), np.uint8)).save(path)


def single(photos):
    for path in (*masks(photos)[1:], *images(photos)[1:]):
        path.unlink()


def sixteen_bits(photos):
    path = images(photos)[2]
    path.unlink()
    cv2.imwrite(str(path.with_suffix(".tif")), np.full((48, 64), 7000, np.uint16))


#: how the data is spoiled -> what the sentence says, and whether `--skip-broken` helps
SPOILED = {
    no_masks: ("24 images but no masks", False),
    no_images: ("None of the 24 image files has a mask", False),
    some_masks: ("3 of the files cannot be used .* 'drawn_000.png' has no mask", True),
    some_images: ("3 of the files cannot be used .* 'drawn_000.png' has no image", True),
    wrong_size: (r"must be as large as its image, 64 x 48 .* it is 20 x 20", True),
    unknown_value: ("contain the value 77", True),
    one_category: ("All masks hold the one value 0", False),
    broken_image: ("'drawn_002.png' is damaged .* restore or remove it", True),
    single: ("needs at least 3 images; there is 1", False),
    sixteen_bits: ("'drawn_002.tif' has 1 channel of uint16, but most images have 3", True),
}


@pytest.mark.parametrize("spoil", SPOILED, ids=lambda spoil: spoil.__name__)
def test_data_that_cannot_be_trained_on(refused, run_cli, photos, tmp_path, spoil):
    spoil(photos)
    before = contents(photos)
    sentence, mended_by_skipping = SPOILED[spoil]
    assert re.search(sentence, refused("train", photos, "--out", tmp_path / "run", *TRAIN))
    assert not (tmp_path / "run").exists()
    assert run_cli("check", photos, "--no-page", "--quiet")[0] == 1
    code = run_cli("train", photos, "--out", tmp_path / "run", "--skip-broken", *TRAIN)[0]
    assert code == (0 if mended_by_skipping else 2)
    assert contents(photos) == before


def test_check_of_good_data_writes_a_page_and_json(run_cli, photos, tmp_path):
    page, findings = tmp_path / "a" / "page.html", tmp_path / "findings.json"
    code, output, _ = run_cli("check", photos, "--page", page, "--json", findings, "--quiet")
    assert code == 0
    assert "A training can start" in output
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert json.loads(findings.read_text())["images"] == 24


def cut(path):
    path.write_bytes(path.read_bytes()[:-30])


@pytest.mark.parametrize("command", ["evaluate", "predict", "compare"])
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (shutil.rmtree, "is no folder"),
        (lambda model: (model / "model.json").unlink(), "must hold model.json"),
        (lambda model: cut(model / "model.json"), "must be JSON; it is damaged"),
        (lambda model: (model / "model.json").write_text('{"a": 1}'), "does not describe"),
        (lambda model: (model / "weights.safetensors").unlink(), "must hold weights.safetensors"),
        (lambda model: cut(model / "weights.safetensors"), "must be a safetensors file"),
    ],
)
def test_a_damaged_or_foreign_model(refused, drawn, model, tmp_path, command, spoil, sentence):
    spoil(model)
    words = {
        "evaluate": [model, drawn],
        "compare": [model, model, drawn],
        "predict": [model, drawn / "images", "--out", tmp_path / "masks"],
    }[command]
    assert sentence in refused(command, *words, "--quiet")
    assert not (tmp_path / "masks").exists()


@pytest.mark.parametrize("damage", ["no JSON", "no images", "no content", "an unknown part"])
def test_a_damaged_split(refused, drawn, model, damage):
    path = model / "split.json"
    split = json.loads(path.read_text())
    if damage == "no images":
        del split["images"]
    elif damage == "no content":
        del split["images"][0]["exact"]
    elif damage == "an unknown part":
        split["images"][0]["part"] = "x"
    path.write_text("{" if damage == "no JSON" else json.dumps(split))
    assert "split.json' is damaged" in refused("evaluate", model, drawn, "--part", "test")
    assert "split.json' is damaged" in refused("evaluate", model, drawn)
