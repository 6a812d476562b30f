"""The model that `segmentare.load` returns: what it takes as an image, and what it gives back."""

import doctest
import time

import numpy as np
import pytest
import torch
from any_model import TASKS, picture, write_any
from PIL import Image

import segmentare
from segmentare.errors import DatasetError
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.runtimes import image_inputs
from segmentare.runtimes import model as model_module
from segmentare.runtimes.image_inputs import image_name, to_image

EIGHT = Preprocessing(3, "uint8", (100.0,) * 3, (60.0,) * 3, (64, 64))
SIXTEEN = Preprocessing(1, "uint16", (1000.0,), (600.0,), (64, 64))
MEASURED = Preprocessing(2, "float32", (0.0,) * 2, (1.0,) * 2, (64, 64))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_any(tmp_path_factory.mktemp("model") / "run")


@pytest.fixture(scope="module")
def model(run):
    return segmentare.load(run)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for seed, name in enumerate(("b.png", "a.png", "deep/c.png")):
        Image.fromarray(picture(seed=seed)).save(folder / name)
    return folder


# --- one image -----------------------------------------------------------------------------------


def given(tmp_path):
    """The same image in every form."""
    image = picture()
    Image.fromarray(image).save(tmp_path / "new.png")
    opaque = np.full((*image.shape[:2], 1), 255, np.uint8)
    return {
        "text": str(tmp_path / "new.png"),
        "path": tmp_path / "new.png",
        "PIL": Image.fromarray(image),
        "PIL with transparency": Image.fromarray(np.dstack([image, opaque])),
        "array": image,
        "RGBA": np.dstack([image, opaque]),
        "whole numbers": image.astype(np.int64),
        "floats to 255": image.astype(np.float64),
        "floats to 1": image.astype(np.float32) / 255,
        "tensor": torch.from_numpy(image),
        "channels first": torch.from_numpy(image).permute(2, 0, 1),
        "floats in a tensor": torch.from_numpy(image).permute(2, 0, 1) / 255,
        "with a gradient": (torch.from_numpy(image) / 255).requires_grad_(),
    }


def test_an_image_in_every_form_gives_the_same(model, tmp_path):
    expected = model.predictor.predict(picture())
    for form, image in given(tmp_path).items():
        found = model.predict(image)
        assert np.array_equal(found.image, picture()), form
        assert np.array_equal(found.category, expected.category), form
        assert np.array_equal(found.probability, expected.probability), form


def test_a_call_predicts(model):
    assert np.array_equal(model(picture()).probability, model.predict(picture()).probability)


def test_gray_is_repeated_as_in_files(model, tmp_path):
    gray = picture()[..., 0]
    Image.fromarray(gray).save(tmp_path / "gray.png")
    for image in (gray, gray[..., None], tmp_path / "gray.png", Image.fromarray(gray)):
        assert np.array_equal(model(image).image, np.dstack([gray] * 3))


def test_a_black_and_white_picture_is_0_and_255():
    mask = picture()[..., 0] > 100
    assert np.array_equal(to_image(mask, EIGHT), np.dstack([mask * np.uint8(255)] * 3))
    assert np.array_equal(to_image(Image.fromarray(mask), EIGHT), to_image(mask, EIGHT))


def test_a_picture_is_turned_upright_as_its_file_is(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture()).save(tmp_path / "turned.png", exif=exif)
    expected = to_image(tmp_path / "turned.png", EIGHT)
    assert expected.shape == (110, 75, 3)
    assert np.array_equal(to_image(Image.open(tmp_path / "turned.png"), EIGHT), expected)


def test_images_of_16_bits_keep_their_values(tmp_path):
    deep = (picture()[..., 0].astype(np.uint16)) * 17
    Image.fromarray(deep).save(tmp_path / "deep.png")
    for image in (deep, deep[..., None], tmp_path / "deep.png", Image.fromarray(deep)):
        assert np.array_equal(to_image(image, SIXTEEN), deep[..., None])
    assert np.array_equal(to_image(torch.from_numpy(deep.astype(np.int32)), SIXTEEN)[..., 0], deep)


def test_measured_values_keep_theirs():
    values = np.random.default_rng(0).normal(0, 300, (20, 30, 2))
    assert np.allclose(to_image(values, MEASURED), values)
    first = torch.from_numpy(values.transpose(2, 0, 1))
    assert np.allclose(to_image(first, MEASURED), values)
    assert to_image(values.round().astype(np.int16), MEASURED).dtype == np.float32


REFUSED = {
    "bytes": (b"a", "must be a path, a PIL image, a NumPy array or a tensor of PyTorch; got bytes"),
    "nothing": (None, "got NoneType"),
    "text in an array": (np.array([["a"]]), "pixels of an image must be numbers"),
    "a cube": (torch.zeros(3, 3, 3), r"\(3, 3, 3\) could be either"),
    "channels at both ends": (torch.zeros(3, 40, 4), r"\(3, 40, 4\) could be either"),
    "channels nowhere": (torch.zeros(7, 8, 9), r"\(7, 8, 9\) could be neither"),
    "a batch": (torch.zeros(2, 3, 40, 50), "one by one, for instance as a list"),
    "a batch as array": (np.zeros((2, 40, 50, 3), np.uint8), "one by one"),
    "an array with channels first": (np.zeros((3, 40, 50), np.uint8), r"transpose\(1, 2, 0\)"),
    "two channels": (np.zeros((40, 50, 2), np.uint8), "takes 3 channels of uint8"),
    "16 bits": (np.zeros((40, 50, 3), np.uint16), "the image has 3 channels of uint16"),
    "normalized": (torch.full((3, 40, 50), -1.0), "values from -1 to -1.*without normalizing"),
    "a little above 1": (np.full((40, 50, 3), 1.2), "0 to 1, or whole numbers from 0 to 255"),
    "too much": (np.full((40, 50, 3), 256), "values from 256 to 256"),
    "no number": (np.full((40, 50, 3), np.nan), "values from nan to nan"),
    "no pixels": (np.zeros((0, 50, 3), np.uint8), "must have the shape"),
    "no file": ("nowhere.png", "'nowhere.png' cannot be opened"),
    "a pattern": ("nowhere*.png", r"must be an image like 'nowhere\*.png'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_clear_is_one_sentence(model, case):
    image, sentence = REFUSED[case]
    with pytest.raises(ValueError, match=sentence) as caught:
        model(image)
    assert "\n" not in str(caught.value)


def test_a_video_is_sent_elsewhere(model, tmp_path):
    (tmp_path / "walk.mp4").write_bytes(b"a")
    with pytest.raises(ValueError, match=r"'walk.mp4'.*segmentare\.predict for videos"):
        model(tmp_path / "walk.mp4")


def test_names(tmp_path):
    Image.fromarray(picture()).save(tmp_path / "new.png")
    assert image_name(tmp_path / "new.png") == "new.png"
    assert image_name(Image.open(tmp_path / "new.png")) == "new.png"
    assert image_name(picture()) == image_name(Image.fromarray(picture())) == "image"


# --- several images ------------------------------------------------------------------------------


def test_a_folder_gives_an_iterator_in_order(model, photos):
    found = model.predict(photos)
    assert iter(found) is found
    assert [one.name for one in found] == ["a.png", "b.png", "deep/c.png"]
    assert next(found, None) is None
    for one, seed in zip(model.predict(photos), (1, 0, 2), strict=True):
        assert np.array_equal(one.image, picture(seed=seed))


def test_lists_generators_and_patterns(model, photos):
    images = [photos / "b.png", picture(seed=1), Image.open(photos / "deep" / "c.png")]
    for several in (images, tuple(images), (image for image in images)):
        assert [one.name for one in model(several)] == ["b.png", "image 2", "c.png"]
    assert [one.name for one in model(str(photos / "*.png"))] == ["a.png", "b.png"]
    assert [one.name for one in model([photos / "b.png", photos])][:2] == ["b.png", "a.png"]
    assert list(model([])) == []


def test_a_name_that_looks_like_a_pattern_is_a_file_if_there_is_one(model, tmp_path):
    Image.fromarray(picture()).save(tmp_path / "a[1].png")
    assert model(tmp_path / "a[1].png").name == "a[1].png"


def test_an_error_names_its_image_and_the_next_one_follows(model, photos):
    (photos / "a.png").write_bytes(b"damaged")
    found = model.predict([photos / "a.png", np.zeros((9, 9, 2), np.uint8), photos / "b.png"])
    with pytest.raises(DatasetError, match=r"'a.png' is not an image"):
        next(found)
    with pytest.raises(DatasetError, match=r"'image 2': The model takes 3 channels"):
        next(found)
    assert next(found).name == "b.png"


def test_a_file_of_other_channels_is_named(model, tmp_path):
    Image.fromarray(np.zeros((9, 9), np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(DatasetError, match=r"deep.png': The model takes 3 channels of uint8"):
        model(tmp_path / "deep.png")


def test_images_are_read_ahead(model, monkeypatch):
    read = []
    monkeypatch.setattr(model_module, "to_image", lambda one, _: read.append(1) or one)
    found = model.predict([picture()] * 9)
    assert read == []
    next(found)
    patience = time.monotonic() + 10
    while len(read) < 3 and time.monotonic() < patience:
        time.sleep(0.01)
    assert len(read) == 3  # the one that was predicted, and two more


# --- options and what is shown -------------------------------------------------------------------


def test_flips_of_one_call(run, model):
    flipped = segmentare.load(run, flips=True)
    one, other = model.predict(picture(), flips=True), flipped.predict(picture())
    assert np.array_equal(one.probability, other.probability)
    assert not np.array_equal(one.probability, model.predict(picture()).probability)
    plain = flipped.predict(picture(), flips=False)
    assert np.array_equal(plain.probability, model.predict(picture()).probability)


def test_a_second_look(model, tmp_path):
    from segmentare.prediction.refining import look_again

    people = segmentare.load(write_any(tmp_path / "run", TASKS["body"]))
    small = picture(30, 50)
    expected = look_again(people.predictor).predict(small)
    assert np.array_equal(people.predict(small, refine=True).keypoints, expected.keypoints)
    assert not np.array_equal(people.predict(small).keypoints, expected.keypoints)
    with pytest.raises(ValueError, match="'semantic' does not find"):
        model.predict(picture(), refine=True)


def test_an_unknown_option_is_an_error(model):
    with pytest.raises(TypeError, match="flip"):
        model.predict(picture(), flip=True)


@pytest.mark.parametrize("name", TASKS)
def test_a_model_says_what_it_is_in_a_few_lines(name, tmp_path):
    shown = segmentare.load(write_any(tmp_path / "run", TASKS[name]))
    text = repr(shown)
    assert len(text.splitlines()) <= 10
    assert f"task: {TASKS[name].name}" in text
    assert TASKS[name].categories[1].name in text
    assert "unet with encoder resnet, width 0.125" in text
    assert "64 x 96 pixels" in text
    assert "torch float32" in text
    assert str(tmp_path) in text
    table = shown._repr_html_()
    assert table.startswith("<table>")
    assert table.count("<tr>") == len(text.splitlines()) - 1
    assert shown.predict(picture()).size == (75, 110)


def test_it_has_what_the_network_answers(model):
    maps = model.maps(Image.fromarray(picture()))
    assert maps["object"].shape == (1, 75, 110)
    assert np.array_equal(maps["object"], model.predictor.maps(picture())["object"])
    assert (model.task, model.categories) == (TASKS["binary"], TASKS["binary"].categories)


def test_the_examples_run():
    assert doctest.testmod(image_inputs).failed == 0
