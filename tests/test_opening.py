"""Files that never end: pipes and devices are refused wherever a file is opened."""

import os
import shutil
import signal
import sys

import pytest
from command_line import TRAIN, images, masks

from segmentare.errors import DatasetError
from segmentare.images.windows import open_large, open_windows, stored_size
from segmentare.models.checkpoint import MODEL, WEIGHTS
from segmentare.opening import check_regular, open_text, read_bytes, read_text
from segmentare.video.reading import Video

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
WORDS = "a pipe, a socket or a device"


@pytest.fixture(autouse=True)
def _no_waiting():
    """Fail instead of waiting for ever."""

    def ring(*_):
        raise TimeoutError("it waited for a pipe")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(params=["pipe", "device"])
def endless(request):
    """Put a pipe, or a link to a device, in the place of a file."""

    def put(path):
        path.unlink(missing_ok=True)
        if request.param == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/zero")
        return path

    return put


def test_regular_files_are_read(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    assert read_bytes(path).endswith(b"three\n")
    assert read_text(path, "utf-8-sig") == path.read_text(encoding="utf-8-sig")
    with open_text(path, newline="") as file:
        assert "\r\n" in file.read()
    (tmp_path / "link").symlink_to(path)
    check_regular(tmp_path / "link")
    with pytest.raises(IsADirectoryError):
        read_bytes(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "absent")


def test_others_are_not(endless, tmp_path):
    path = endless(tmp_path / "a.tif")
    for read in (read_bytes, read_text, open_text, check_regular):
        with pytest.raises(OSError, match=WORDS):
            read(path)
    for read in (open_windows, stored_size):
        with pytest.raises((DatasetError, OSError), match=WORDS):
            read(path)
    assert open_large(path, 0) is None


def test_a_pipe_is_no_video(tmp_path):
    os.mkfifo(tmp_path / "a.avi")
    with pytest.raises(DatasetError, match=WORDS):
        Video(tmp_path / "a.avi")


@pytest.mark.parametrize("which", [images, masks])
def test_an_image_or_a_mask(endless, run_cli, photos, which):
    path = endless(which(photos)[2])
    code, output, errors = run_cli("check", photos, "--no-page")
    assert code == 1
    said = " ".join((output + errors).split())
    assert path.name in said
    assert WORDS in said


NAMED = (
    *("classes.csv", "labels.csv", "data.yaml", "joints.mat", "annotations.xml", "list.json"),
    *("annotations/instances_val.json", "images/a.json", "train.txt", "more/notes.tif"),
)


@pytest.mark.parametrize("name", NAMED)
def test_whatever_else_lies_in_a_dataset(endless, run_cli, photos, name):
    (photos / name).parent.mkdir(exist_ok=True)
    endless(photos / name)
    for task in ("semantic", "pose"):
        code, output, errors = run_cli("check", photos, "--no-page", "--task", task)
        assert "Traceback" not in output + errors
        assert code in {0, 1, 2}


@pytest.mark.parametrize("name", [MODEL, WEIGHTS])
def test_a_model(endless, refused, model, drawn, tmp_path, name):
    endless(model / name)
    refused("predict", model, drawn / "images", "--out", tmp_path / "out", "--quiet")


def test_images_to_predict(endless, run_cli, refused, model, drawn, tmp_path):
    folder = shutil.copytree(drawn / "images", tmp_path / "some")
    path = endless(sorted(folder.iterdir())[1])
    code, output, errors = run_cli("predict", model, folder, "--out", tmp_path / "out")
    assert code == 1
    assert WORDS in " ".join((output + errors).split())
    assert WORDS in refused("predict", model, path, "--out", tmp_path / "more", "--quiet")


@pytest.mark.parametrize("option", ["--split", "--skeleton"])
def test_files_that_options_name(endless, refused, drawn, tmp_path, option):
    path = endless(tmp_path / "given.toml")
    words = [drawn, "--out", tmp_path / "run", *TRAIN, option, path]
    assert WORDS in refused("train", *words, *(["--task", "body"] * (option == "--skeleton")))
