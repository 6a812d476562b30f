"""`segmentare predict` on images above the stated size."""

import csv
import json
import shutil
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import pytest
import tifffile
import untrained
from large_scenes import AREA, CELL, GROUND
from PIL import Image

from segmentare.large import blocks
from segmentare.large import images as large_images
from segmentare.models.checkpoint import save_model
from segmentare.networks.inference import to_arrays
from segmentare.networks.network import NetworkSpec, build_network
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.tasks import InstanceTask, PanopticTask, SemanticTask

SIZE = (700, 1100)
SMALL = ("--large", "0.1")


def write_model(folder, task, scale=1.0, channels=3):
    """Write a tiny network with random weights that sees images at their own scale."""
    spec = NetworkSpec(
        width=0.125, depth=3, blocks=1, decoder_channels=(8, 8, 8), channels=channels
    )
    network = build_network(spec, task.heads)
    mean, std = (100.0,) * channels, (60.0,) * channels
    preprocessing = Preprocessing(channels, "uint8", mean, std, (128, 128), scale)
    description = {
        "task": task.to_dict(),
        "network": spec.to_dict(),
        "preprocessing": preprocessing.to_dict(),
    }
    save_model(folder, description, to_arrays(network))
    return folder


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A TIFF of tiles with soft noise."""
    import cv2

    coarse = np.random.default_rng(0).integers(0, 256, (45, 70, 3)).astype(np.uint8)
    pixels = cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    path = tmp_path_factory.mktemp("scan") / "scan.tif"
    tifffile.imwrite(path, pixels, tile=(128, 128), compression="zlib", photometric="rgb")
    return path


@pytest.fixture(scope="module")
def semantic(tmp_path_factory):
    import torch

    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("semantic") / "model"
    return write_model(folder, SemanticTask((GROUND, AREA), smallest=0.0001))


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    import torch

    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("instance") / "model"
    return write_model(folder, InstanceTask((GROUND, CELL), unit=4.0, threshold=0.49))


def lines(folder):
    return [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]


def test_the_same_pixels_as_a_whole(semantic, scan, tmp_path, run_cli):
    code, _, errors = run_cli(
        "predict", semantic, scan, "--out", tmp_path / "whole", "--probability"
    )
    assert code == 0, errors
    more = ("--probability", "--overlay")
    code, _, errors = run_cli("predict", semantic, scan, "--out", tmp_path / "parts", *SMALL, *more)
    assert code == 0, errors
    assert "700 x 1,100 pixels, predicted in 2 parts" in errors
    for ending in ("", ".probability"):
        with Image.open(tmp_path / "whole" / f"scan{ending}.png") as picture:
            expected = np.asarray(picture)
        found = tifffile.imread(tmp_path / "parts" / f"scan{ending}.tif")
        assert found.shape == SIZE
        assert np.array_equal(found, expected)
    with tifffile.TiffFile(tmp_path / "parts" / "scan.tif") as file:
        assert file.pages.first.is_tiled
    with Image.open(tmp_path / "parts" / "scan.overlay.jpg") as picture:
        assert picture.size == SIZE[::-1]
    (one,), (other,) = lines(tmp_path / "whole"), lines(tmp_path / "parts")
    assert other.pop("mask") == "scan.tif"
    assert one.pop("mask") == "scan.png"
    assert other.pop("confidence") == pytest.approx(one.pop("confidence"), rel=1e-6)
    assert one == other
    names = {path.name for path in (tmp_path / "parts").iterdir()}
    assert names == {"scan.tif", "scan.probability.tif", "scan.overlay.jpg", "predictions.jsonl"}


def test_objects_have_a_table_of_their_own(instance, scan, tmp_path, run_cli):
    options = (*SMALL, "--pixel-size", "0.5")
    code, _, errors = run_cli("predict", instance, scan, "--out", tmp_path / "out", *options)
    assert code == 0, errors
    ids = tifffile.imread(tmp_path / "out" / "scan.ids.tif")
    with (tmp_path / "out" / "scan.objects.csv").open() as file:
        rows = list(csv.DictReader(file))
    (row,) = lines(tmp_path / "out")
    assert row["objects"] == len(rows) == ids.max() > 10
    areas = np.bincount(ids.ravel())[1:]
    assert [int(row["area_px"]) for row in rows] == areas.tolist()
    assert float(rows[0]["area_um2"]) == areas[0] / 4
    assert {row["image"] for row in rows} == {"scan.tif"}
    mask = tifffile.imread(tmp_path / "out" / "scan.tif")
    assert np.array_equal(mask > 0, ids > 0)


class Killed(BaseException):
    """Stands for the end of the process."""


def test_a_killed_job_goes_on(semantic, scan, tmp_path, run_cli, monkeypatch):
    out, save = tmp_path / "out", blocks.Workspace.save
    monkeypatch.setattr(blocks, "_WIDEST", blocks.TILE)
    saved = []

    def dying(self, block, found):
        if len(saved) == 3:
            raise Killed
        saved.append(block)
        save(self, block, found)

    monkeypatch.setattr(blocks.Workspace, "save", dying)
    with pytest.raises(Killed):
        run_cli("predict", semantic, scan, "--out", out, *SMALL)
    assert (out / ".scan.parts").is_dir()
    assert not (out / "scan.tif").exists()
    again = []
    monkeypatch.setattr(
        blocks.Workspace,
        "save",
        lambda self, block, found: (again.append(block), save(self, block, found)),
    )
    code, _, errors = run_cli("predict", semantic, scan, "--out", out, *SMALL)
    assert code == 0, errors
    assert "going on in 6 parts" in errors
    # the three of the first row are whole; nothing of them is computed again
    assert sorted(again) == sorted(set(again))
    assert not set(again) & set(saved)
    code, _, _ = run_cli("predict", semantic, scan, "--out", tmp_path / "once", *SMALL)
    assert code == 0
    assert (out / "scan.tif").read_bytes() == (tmp_path / "once" / "scan.tif").read_bytes()
    assert not (out / ".scan.parts").exists()


def test_another_model_does_not_go_on(semantic, scan, tmp_path, run_cli):
    out = tmp_path / "out"
    parts = out / ".scan.parts"
    parts.mkdir(parents=True)
    (parts / "job.json").write_text('{"model": "another"}')
    (parts / "0000000-0000000.npz").write_bytes(b"old")
    code, _, errors = run_cli("predict", semantic, scan, "--out", out, *SMALL)
    assert code == 0, errors
    assert "predicted in 2 parts" in errors


def test_no_result_is_replaced_unless_it_shall(semantic, scan, tmp_path, run_cli, refused):
    out = tmp_path / "out"
    assert run_cli("predict", semantic, scan, "--out", out, *SMALL)[0] == 0
    assert "scan.tif" in refused("predict", semantic, scan, "--out", out, *SMALL)
    assert run_cli("predict", semantic, scan, "--out", out, *SMALL, "--overwrite")[0] == 0
    assert len(lines(out)) == 1


def skipped(run_cli, *words):
    """Run a command that skips its one image; what it says of it comes back."""
    code, output, errors = run_cli("predict", *words)
    assert code == 1, errors
    (line,) = [line for line in output.splitlines() if line.startswith("Skipped: ")]
    assert "Traceback" not in errors
    return line


class Usage(NamedTuple):
    """What `shutil.disk_usage` says, as far as it is read."""

    free: int


def test_a_disk_without_room(semantic, scan, tmp_path, run_cli, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1000))
    line = skipped(run_cli, semantic, scan, "--out", tmp_path / "out", *SMALL)
    assert "need about" in line
    assert "goes on where it stopped" in line


def test_room_is_judged_by_the_parts_so_far(tmp_path, monkeypatch):
    workspace = blocks.Workspace(tmp_path / "parts")
    workspace.open({})
    (workspace.folder / "a.npz").write_bytes(bytes(1000))
    frame = Preprocessing(3, "uint8", (0.0,) * 3, (1.0,) * 3, (128, 128), 1.0).frame((5120, 512))
    plan = blocks.plan_blocks(frame, SemanticTask((GROUND, AREA)))
    for free, enough in ((18_999, False), (19_001, True)):  # ten parts, kept and written
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: Usage(free))
        if enough:
            large_images.check_room(workspace, plan, 1)
        else:
            with pytest.raises(ValueError, match="GB are free"):
                large_images.check_room(workspace, plan, 1)


def test_a_scan_cut_short(semantic, scan, tmp_path, run_cli):
    path = tmp_path / "cut.tif"
    path.write_bytes(scan.read_bytes()[:-5000])
    line = skipped(run_cli, semantic, path, "--out", tmp_path / "out", *SMALL)
    assert "'cut.tif' is" in line


def test_200_channels(semantic, tmp_path, run_cli):
    path = tmp_path / "many.tif"
    pixels = np.zeros((200, 400, 300), np.uint8)
    tifffile.imwrite(
        path, pixels, tile=(128, 128), metadata={"axes": "CYX"}, photometric="minisblack"
    )
    line = skipped(run_cli, semantic, path, "--out", tmp_path / "out", *SMALL)
    assert "The model takes 3 channels of uint8, but the image has 200 channels" in line


@pytest.mark.skipif(find_spec("imagecodecs") is not None, reason="imagecodecs is installed")
def test_a_compression_that_needs_a_package_stops_no_other_image(semantic, scan, tmp_path, run_cli):
    with Image.open(scan) as picture:
        picture.convert("1").save(tmp_path / "a_fax.tif", compression="group4")
    code, output, _ = run_cli(
        "predict", semantic, tmp_path / "a_fax.tif", scan, "--out", tmp_path / "out", *SMALL
    )
    assert code == 1
    assert "a_fax.tif: Parts of a TIFF with the compression CCITTFAX4 need a package" in output
    assert (tmp_path / "out" / "scan.tif").is_file()


def test_what_needs_the_whole_image(semantic, scan, tmp_path, run_cli):
    line = skipped(run_cli, semantic, scan, "--out", tmp_path / "out", *SMALL, "--cutout")
    assert "--cutout is for images that are predicted whole" in line


def test_tasks_that_must_see_the_whole(scan, tmp_path, run_cli):
    model = untrained.write_model(tmp_path / "model", PanopticTask((GROUND, AREA, CELL)))
    line = skipped(run_cli, model, scan, "--out", tmp_path / "out", *SMALL)
    assert "only the tasks semantic and instance can; this model's is 'panoptic'" in line


def test_small_and_large_images_in_one_folder(semantic, scan, tmp_path, run_cli):
    folder = tmp_path / "images"
    folder.mkdir()
    shutil.copy(scan, folder / "b.tif")
    with Image.open(scan) as picture:
        picture.crop((0, 0, 60, 50)).save(folder / "a.png")
        picture.save(folder / "c.png")  # large as well, and no TIFF
    code, _, errors = run_cli("predict", semantic, folder, "--out", tmp_path / "out", *SMALL)
    assert code == 0, errors
    masks = [line["mask"] for line in lines(tmp_path / "out")]
    assert masks == ["a.png", "b.tif", "c.tif"]
    one, other = ((tmp_path / "out" / name).read_bytes() for name in ("b.tif", "c.tif"))
    assert one == other
