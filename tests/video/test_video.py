"""Videos: read frame by frame, written whole or not at all, and what is said of bad ones."""

import cv2
import numpy as np
import pytest
from drawn_videos import FPS, SIZE, picture, write_video

from segmentare.errors import DatasetError
from segmentare.video import writing as video_file
from segmentare.video.reading import VIDEOS, Video, frames, is_video
from segmentare.video.writing import VideoFile, best_ending, playing_remark


class Capture:
    """OpenCV's, of which a test may change a part (it crashes when it is inherited from)."""

    real = cv2.VideoCapture

    def __init__(self, source):
        self.opened = Capture.real(source)

    def __getattr__(self, name):
        return getattr(self.opened, name)


def test_what_is_written_is_read_back(tmp_path):
    path = write_video(tmp_path / "film.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"]
    with Video(path) as video:
        assert (video.fps, video.size, video.count, video.name) == (FPS, SIZE, 20, "film")
        assert video.wanted() == 20
        read = list(video.frames())
        assert video.remarks == []
    assert [frame.number for frame in read] == list(range(20))
    assert [frame.seconds for frame in read] == pytest.approx([n / FPS for n in range(20)])
    for frame in read[::6]:
        assert frame.image.dtype == np.uint8
        difference = frame.image.astype(int) - picture(frame.number)
        assert np.abs(difference).mean() < 4  # red stays red


@pytest.mark.parametrize(
    ("chosen", "numbers"),
    [
        ((3, None, 1), range(3, 20)),
        ((0, 5, 1), range(6)),
        ((4, 16, 5), (4, 9, 14)),
        ((0, 99, 7), (0, 7, 14)),
    ],
)
def test_range_and_step(tmp_path, chosen, numbers):
    path = write_video(tmp_path / "film.mp4")
    read = list(frames(path, *chosen))
    assert [frame.number for frame in read] == list(numbers)
    levels = [round((float(frame.image[5, 190, 1]) - 40) / 8) for frame in read]
    assert levels == list(numbers)  # the very frames, not their neighbors
    with Video(path) as video:
        assert video.wanted(*chosen) == len(numbers)


@pytest.mark.parametrize("chosen", [(-1, None, 1), (0, None, 0), (5, 4, 1)])
def test_a_range_that_is_none(tmp_path, chosen):
    path = write_video(tmp_path / "film.mp4")
    with pytest.raises(ValueError, match="Frames must go from 0"):
        list(frames(path, *chosen))


def test_a_late_start_is_said(tmp_path):
    path = write_video(tmp_path / "film.mp4", 5)
    with pytest.raises(DatasetError, match="5 frames, numbers 0 to 4; there is no frame 9"):
        list(frames(path, 9))


def test_a_video_that_ends_early_is_read_as_far_as_it_goes(tmp_path):
    path = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, SIZE[::-1])
    for number in range(20):
        writer.write(picture(number))
    writer.release()
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.6)])
    with Video(path) as video:
        read = list(video.frames())
        (remark,) = video.remarks
    assert remark == (
        "'film.avi' ends early: frame 19 should be there, but the last one that could be read is "
        f"{len(read) - 1}."
    )
    assert 5 < len(read) < 20


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda _: b"", "is empty"),
        (lambda data: data[: len(data) // 2], "OpenCV can open; it is none, it is damaged"),
        (lambda _: b"no film at all" * 99, "OpenCV can open; it is none"),
        (
            lambda data: data.replace(b"mp4v", b"zzzz").replace(b"esds", b"free"),
            "must hold frames|OpenCV can open",
        ),
    ],
)
def test_damaged_files_are_a_sentence_and_nothing_else(tmp_path, capfd, damage, message):
    path = write_video(tmp_path / "film.mp4")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DatasetError, match=f"'film.mp4'.*({message})"):
        list(frames(path))
    assert capfd.readouterr() == ("", "")


def test_a_video_without_frames(tmp_path, monkeypatch):
    path = write_video(tmp_path / "film.mp4")

    class Blind(Capture):
        def grab(self):
            return False

    monkeypatch.setattr(cv2, "VideoCapture", Blind)
    with pytest.raises(DatasetError, match=r"gave none \(codec 'FMP4|gave none \(codec 'mp4v"):
        list(frames(path))


def test_what_is_not_there(tmp_path, capfd):
    with pytest.raises(DatasetError, match="it does not exist"):
        Video(tmp_path / "none.mp4")
    with pytest.raises(DatasetError, match="There must be a camera 97; OpenCV finds none"):
        Video("97")
    assert capfd.readouterr() == ("", "")


def test_a_change_of_size_is_said(tmp_path, monkeypatch):
    path = write_video(tmp_path / "film.mp4", 6)

    class Growing(Capture):
        def retrieve(self):
            read, image = self.opened.retrieve()
            later = self.opened.get(cv2.CAP_PROP_POS_FRAMES) > 3
            return read, cv2.resize(image, (320, 240)) if later else image

    monkeypatch.setattr(cv2, "VideoCapture", Growing)
    with Video(path) as video:
        sizes = [frame.image.shape[:2] for frame in video.frames()]
        (remark,) = video.remarks
    assert remark == (
        "'film.mp4' changes its size at frame 3, from 200 x 120 to 320 x 240 pixels; what is drawn "
        "is stretched."
    )
    assert sizes == [SIZE] * 3 + [(240, 320)] * 3


def test_a_camera_is_a_video_without_end(tmp_path, monkeypatch):
    path = write_video(tmp_path / "film.mp4")
    real = cv2.VideoCapture
    monkeypatch.setattr(
        cv2, "VideoCapture", lambda source: real(str(path)) if source == 0 else None
    )
    with Video("0") as camera:
        assert camera.is_camera
        assert camera.count is camera.wanted() is None
        assert camera.name == "camera0"
        assert [frame.number for frame in camera.frames(0, 6, 2)] == [0, 2, 4, 6]


def test_an_interrupted_video_leaves_nothing(tmp_path):
    def write():
        with VideoFile(tmp_path / "film.mp4") as film:
            film.add(picture(0))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert list(tmp_path.iterdir()) == []
    with VideoFile(tmp_path / "film.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_unasked(tmp_path):
    path = write_video(tmp_path / "film.mp4", 3)
    with pytest.raises(FileExistsError, match="exists already"):
        VideoFile(path)
    with VideoFile(path, overwrite=True) as film:
        film.add(picture(0))
    assert len(list(frames(path))) == 1
    with pytest.raises(ValueError, match=r"written as '\.mp4' or '\.webm'; got 'film.avi'"):
        VideoFile(tmp_path / "film.avi")
    with (
        pytest.raises(OSError, match="cannot be written"),
        VideoFile(tmp_path / "no" / "film.mp4") as film,
    ):
        film.add(picture(0))


def test_odd_sizes_lose_a_row_and_a_column(tmp_path):
    path = write_video(tmp_path / "film.mp4", 3, size=(121, 201))
    assert [frame.image.shape for frame in frames(path)] == [(*SIZE, 3)] * 3


def test_videos_are_known_by_name():
    assert is_video("a/b.MP4")
    assert is_video("0")
    assert not is_video("photo.jpg")
    assert {".mp4", ".avi", ".mov"} <= VIDEOS


@pytest.mark.parametrize("fps", [0.25, 8.333333, 23.976, 29.97, 59.94006, 99.1234, 1e5])
def test_any_rate_can_be_written(tmp_path, fps):
    with Video(write_video(tmp_path / "film.mp4", 3, fps=fps)) as video:
        assert video.fps == pytest.approx(min(fps, 240), rel=1e-3)
        assert len(list(video.frames())) == 3


def test_what_browsers_play_is_read_back(tmp_path, capfd):
    path = write_video(tmp_path / f"film{best_ending()}")
    assert playing_remark(path.name) == ""
    with Video(path) as video:
        assert (video.fps, video.size, video.count) == (FPS, SIZE, 20)
        read = list(video.frames())
    assert video.remarks == []
    for frame in read[::6]:
        assert np.abs(frame.image.astype(int) - picture(frame.number)).mean() < 6
    assert capfd.readouterr() == ("", "")
    head = path.read_bytes()[:4096]
    assert b"V_VP8" in head if path.suffix == ".webm" else b"avc1" in path.read_bytes()


def test_a_video_that_browsers_do_not_play_is_said(monkeypatch):
    monkeypatch.setattr(video_file, "_writes", lambda code: code == "mp4v")
    assert best_ending() == ".mp4"
    assert "'film.mp4' does not play in browsers: " in playing_remark("film.mp4")
    monkeypatch.setattr(video_file, "_writes", lambda code: code != "VP80")
    assert (best_ending(), playing_remark("film.mp4")) == (".mp4", "")
    monkeypatch.setattr(video_file, "_writes", lambda code: code != "avc1")
    assert (best_ending(), playing_remark("film.webm")) == (".webm", "")
