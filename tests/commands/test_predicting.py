import json
import shutil

import cv2
import numpy as np
from command_line import broken_image, contents, images
from PIL import Image


def test_predictions_of_all_kinds(run_cli, tiny_run, photos, tmp_path):
    out = tmp_path / "masks"
    words = ["--overlay", "--probability", "--cutout", "--background", images(photos)[1], "--json"]
    code, output, errors = run_cli(
        "predict", tiny_run, images(photos)[0], "--out", out, "--quiet", *words
    )
    assert code == 0, errors
    assert {path.name for path in out.iterdir()} == {
        "drawn_000.png",
        "drawn_000.overlay.jpg",
        "drawn_000.probability.png",
        "drawn_000.cutout.png",
        "drawn_000.background.jpg",
        "predictions.jsonl",
    }
    mask = np.array(Image.open(out / "drawn_000.png"))
    assert mask.shape == (48, 64)
    assert set(np.unique(mask)) <= {0, 255}
    assert Image.open(out / "drawn_000.cutout.png").mode == "RGBA"
    row = json.loads(output)
    assert row == json.loads((out / "predictions.jsonl").read_text())
    assert row["mask"] == "drawn_000.png"
    assert next(iter(row["categories"].values()))["area_px"] == int((mask > 0).sum())


def test_a_broken_image_among_good_ones(run_cli, tiny_run, photos, tmp_path):
    broken_image(photos)
    sixteen = photos / "images" / "deep.tif"
    cv2.imwrite(str(sixteen), np.full((48, 64), 7000, np.uint16))
    code, output, _ = run_cli(
        "predict", tiny_run, photos / "images", "--out", tmp_path / "masks", "--quiet"
    )
    assert code == 1
    skipped = [line for line in output.splitlines() if line.startswith("Skipped: ")]
    assert len(skipped) == 2
    assert "drawn_002.png" in "".join(skipped)
    assert "takes 3 channels of uint8, but the image has 1 channel of uint16" in "".join(skipped)
    written = {path.stem for path in (tmp_path / "masks").glob("*.png")}
    assert written == {path.stem for path in images(photos)} - {"drawn_002", "deep"}


def test_results_are_not_overwritten_unless_asked(run_cli, refused, tiny_run, photos, tmp_path):
    out = tmp_path / "masks"
    first, second = images(photos)[:2]
    assert run_cli("predict", tiny_run, first, "--out", out, "--quiet")[0] == 0
    (out / "drawn_000.png").write_bytes(b"corrected by hand")
    before = contents(out)
    sentence = refused("predict", tiny_run, first, second, "--out", out, "--quiet")
    assert "1 of the results are in" in sentence
    assert contents(out) == before
    assert run_cli("predict", tiny_run, second, "--out", out, "--quiet")[0] == 0
    assert (out / "drawn_000.png").read_bytes() == b"corrected by hand"
    lines = (out / "predictions.jsonl").read_text().splitlines()
    assert [json.loads(line)["mask"] for line in lines] == ["drawn_000.png", "drawn_001.png"]
    assert run_cli("predict", tiny_run, first, "--out", out, "--overwrite", "--quiet")[0] == 0
    assert Image.open(out / "drawn_000.png").size == (64, 48)
    assert len((out / "predictions.jsonl").read_text().splitlines()) == 2


def test_stems_that_collide(refused, tiny_run, photos, tmp_path):
    Image.open(images(photos)[0]).save(photos / "images" / "drawn_000.bmp")
    sentence = refused("predict", tiny_run, photos / "images", "--out", tmp_path / "masks")
    assert "would both become 'drawn_000.png'" in sentence
    assert not (tmp_path / "masks").exists()


def test_folders_in_a_folder_stay_apart(run_cli, tiny_run, photos, tmp_path):
    for name in ("a", "b"):
        (tmp_path / "in" / name).mkdir(parents=True)
        shutil.copy(images(photos)[0], tmp_path / "in" / name / "one.two.png")
    words = ["predict", tiny_run, tmp_path / "in", "--out", tmp_path / "masks", "--quiet"]
    assert run_cli(*words)[0] == 0
    found = {str(p.relative_to(tmp_path / "masks")) for p in (tmp_path / "masks").rglob("*.png")}
    assert found == {"a/one.two.png", "b/one.two.png"}


def test_nothing_to_predict(refused, tiny_run, photos, tmp_path):
    (tmp_path / "empty").mkdir()
    out = ["--out", tmp_path / "masks", "--quiet"]
    assert "found none in" in refused("predict", tiny_run, tmp_path / "empty", *out)
    assert "it does not exist" in refused("predict", tiny_run, tmp_path / "no.png", *out)
    broken_image(photos)
    words = [images(photos)[0], "--background", images(photos)[2]]
    assert "is damaged" in refused("predict", tiny_run, *words, *out)
    assert not (tmp_path / "masks").exists()


def test_the_masks_of_a_dataset_are_no_images(drawn):
    from segmentare.video.sources import find_images

    count = len(list((drawn / "images").iterdir()))
    found = find_images([drawn])
    assert len(found) == count
    assert all(stem.startswith("images/") for stem in found)
    assert len(find_images([drawn / "masks"])) == count  # unless one asks for them
