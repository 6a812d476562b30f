import json
from pathlib import Path

import numpy as np
import pytest
from drawn_folders import draw, mask, numbered, photo
from PIL import Image

from segmentare.datasets import open_dataset
from segmentare.datasets.checking import check, keep_together
from segmentare.datasets.splits import Split
from segmentare.datasets.splitting import make_split
from segmentare.images.fingerprints import Fingerprint, fingerprint, near_duplicates
from segmentare.synthetic.lesion_dataset import SyntheticLesions


@pytest.fixture
def folder(tmp_path) -> Path:
    return draw(tmp_path, numbered("images/{}.png", "masks/{}.png", 8))


def test_a_sound_dataset(folder):
    done = []
    checkup = check(open_dataset(folder), progress=lambda i, n: done.append((i, n)))
    assert checkup.can_train
    assert not checkup.problems
    assert done[-1] == (8, 8)
    share = np.mean([mask(i) > 0 for i in range(8)])
    assert checkup.categories[1].share == pytest.approx(share)
    assert checkup.categories[1].images == 8
    assert checkup.objects == (1,) * 8
    found = json.loads(json.dumps(checkup.to_dict()))
    assert found["can_train"] is True
    assert found["height"] == {"least": 24, "median": 24.0, "most": 24}
    assert found["pixels"] == {"3 channels of uint8": 8}


def test_each_broken_file_is_named_once_and_the_rest_is_checked(folder):
    (folder / "images/0.png").write_bytes(b"")
    (folder / "images/1.png").write_bytes((folder / "images/1.png").read_bytes()[:200])
    (folder / "images/2.png").write_text("not an image")
    (folder / "masks/3.png").write_bytes(b"")
    Image.fromarray(mask(4)[:, 4:]).save(folder / "masks/4.png")
    Image.fromarray(np.zeros((24, 32), np.uint8)).save(folder / "masks/5.png")
    Image.fromarray(np.full((24, 32), 255, np.uint8)).save(folder / "masks/6.png")
    dataset = open_dataset(folder)
    checkup = check(dataset)
    files = [problem.file for problem in checkup.problems]
    broken = ["masks/3.png", "images/0.png", "images/1.png", "images/2.png", "masks/4.png"]
    assert files == broken
    assert checkup.images == 8
    assert checkup.usable == ("5", "6", "7")
    assert checkup.empty == ("5",)
    assert checkup.full == ("6",)
    assert not checkup.can_train  # until the broken ones are left out
    mended = dataset.without({r.name for r in dataset.records} - {*checkup.usable})
    assert check(mended).usable == checkup.usable
    assert [sample.name for sample in mended] == ["5", "6", "7"]


def test_images_of_another_kind_are_left_out(folder):
    Image.fromarray(np.full((24, 32), 9, np.uint16)).save(folder / "images/2.png")
    checkup = check(open_dataset(folder))
    assert [problem.file for problem in checkup.problems] == ["images/2.png"]
    assert (
        "1 channel of uint16, but most images have 3 channels of uint8" in checkup.problems[0].what
    )


def test_too_few_images_stop(tmp_path):
    checkup = check(open_dataset(draw(tmp_path, numbered("images/{}.png", "masks/{}.png", 1))))
    assert not checkup.can_train
    assert "at least 3 images" in checkup.problems[-1].what
    assert not check(open_dataset(draw(tmp_path / "b", [("images/a.png", "")]))).can_train


def test_one_category_stops(tmp_path):
    draw(tmp_path, numbered("images/{}.png", "masks/{}.png"))
    for path in (tmp_path / "masks").iterdir():
        Image.fromarray(np.zeros((24, 32), np.uint8)).save(path)
    checkup = check(open_dataset(tmp_path))
    assert not checkup.can_train
    assert "one value 0" in checkup.problems[0].what


def test_twins_and_leaks(folder):
    Image.fromarray(photo(0)).save(folder / "images/5.png")
    Image.fromarray(photo(1)).resize((64, 48), Image.Resampling.BICUBIC).save(
        folder / "images/6.jpg"
    )
    (folder / "images/6.png").unlink()
    Image.fromarray(mask(6)).resize((64, 48), Image.Resampling.NEAREST).save(folder / "masks/6.png")
    dataset = open_dataset(folder)
    split = Split(("0", "1", "2", "3"), ("4", "5"), ("6", "7"))
    checkup = check(dataset, split)
    assert checkup.duplicates == (("0", "5"),)
    assert checkup.near_duplicates == (("1", "6"),)
    assert [(c.one, c.other, c.exact) for c in checkup.crossings] == [
        ("0", "5", True),
        ("1", "6", False),
    ]
    assert any("their masks differ" in problem.what for problem in checkup.problems)
    assert not checkup.can_train
    assert check(dataset, split, allow_duplicates=True).can_train
    assert check(dataset).can_train
    pairs = checkup.duplicates + checkup.near_duplicates
    for seed in range(5):
        together = make_split(keep_together(dataset.records, pairs), seed=seed)
        assert not check(dataset, together).crossings


def test_groups_that_a_split_parts(tmp_path):
    draw(tmp_path, numbered("images/{}.png", "masks/{}.png"))
    (tmp_path / "labels.csv").write_text("name,patient\n0,A\n1,A\n2,B\n3,C\n")
    dataset = open_dataset(tmp_path)
    bad = check(dataset, Split(("0", "2"), ("1",), ("3",)))
    assert [problem.what for problem in bad.problems] == [
        "The group 'A' lies in train and val; keep it in one part."
    ]
    assert not bad.can_train
    assert check(dataset, make_split(dataset.records)).can_train


def test_other_datasets_are_checked_as_well():
    checkup = check(SyntheticLesions(4, size=(48, 64)))
    assert checkup.can_train
    assert checkup.labels["kind"]


def test_fingerprints_find_copies_and_only_those():
    pictures = [photo(seed).repeat(8, 0).repeat(8, 1) for seed in range(20)]
    marks = [fingerprint(picture) for picture in pictures]
    assert near_duplicates(marks) == []
    small = np.asarray(Image.fromarray(pictures[3]).resize((100, 75), Image.Resampling.LANCZOS))
    dark = (pictures[4] * 0.8).astype(np.uint8)
    marks += [fingerprint(small), fingerprint(dark), fingerprint(pictures[5])]
    assert near_duplicates(marks) == [(3, 20), (4, 21), (5, 22)]
    assert marks[22].exact == marks[5].exact
    assert marks[20].exact != marks[3].exact
    assert Fingerprint.from_dict(json.loads(json.dumps(marks[0].to_dict()))) == marks[0]


def test_fingerprints_of_blank_deep_and_many_channel_images():
    blank = [np.full((9, 9, 3), value, np.uint8) for value in (0, 0, 7)]
    assert near_duplicates([fingerprint(image) for image in blank]) == [(0, 1)]
    deep = np.random.default_rng(0).random((30, 20, 7), dtype=np.float32)
    assert fingerprint(deep) == fingerprint(deep.copy())
    assert fingerprint(deep).exact != fingerprint(deep.reshape(20, 30, 7)).exact


def test_real_leaks_are_found_and_no_false_ones(data):
    portraits = check(open_dataset(data / "person_portraits"))
    assert portraits.duplicates == (("102", "270"),)
    for folder in ("ph2", "retina_drive", "retina_chasedb1", "blood_cells_wbc"):
        checkup = check(open_dataset(data / folder))
        assert checkup.can_train
        assert not checkup.duplicates + checkup.near_duplicates


def test_damaged_copies_of_real_files(data, tmp_path):
    cases = sorted((data / "ph2/images").iterdir())[:8]
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        for case in cases:
            content = (data / "ph2" / folder / case.name).read_bytes()
            (tmp_path / folder / case.name).write_bytes(content)
    names = [case.name for case in cases]
    (tmp_path / "images" / names[0]).write_bytes(
        (tmp_path / "images" / names[0]).read_bytes()[:9000]
    )
    with Image.open(tmp_path / "masks" / names[1]) as picture:
        smeared = picture.convert("L")
    smeared.save(tmp_path / "masks" / names[1].replace("png", "jpg"), quality=75)
    (tmp_path / "masks" / names[1]).unlink()
    with Image.open(tmp_path / "masks" / names[2]) as picture:
        turned = picture.transpose(Image.Transpose.ROTATE_90)
    turned.save(tmp_path / "masks" / names[2])
    checkup = check(open_dataset(tmp_path))
    stopped = {problem.file: problem.what for problem in checkup.problems if problem.stops}
    assert set(stopped) == {f"images/{names[0]}", f"masks/{names[2]}"}
    assert "must be as large as its image" in stopped[f"masks/{names[2]}"]
    assert any("JPEG" in problem.what and "%" in problem.what for problem in checkup.problems)
    assert not checkup.can_train
    assert len(checkup.usable) == 6
