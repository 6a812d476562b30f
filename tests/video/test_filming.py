"""Videos through a predictor: what is written, and that ids stay."""

import collections
import json
import threading
from dataclasses import dataclass, field

import numpy as np
import pytest
from drawn_poses import COCO
from drawn_videos import CATEGORIES, FPS, SIZE, disks, poses, walkers, write_video

from segmentare.annotations.segmentation import Segmentation
from segmentare.annotations.skeletons import SKELETONS
from segmentare.datasets.readers.openpose import read_openpose
from segmentare.drawing.poses import object_color
from segmentare.errors import DatasetError
from segmentare.results.outputs import VideoOutputs
from segmentare.video import prediction as filming
from segmentare.video.prediction import predict_video
from segmentare.video.reading import Video, frames
from segmentare.video.writing import best_ending

FILM = f"film{best_ending()}"  #: the rendered video


@dataclass
class Task:
    name: str = "pose"
    categories: tuple = CATEGORIES
    skeleton: object = COCO


@dataclass
class Seer:
    """A model that knows what each frame shows, by how bright it is."""

    show: object
    task: Task = field(default_factory=Task)

    def predict(self, image):
        return self.show(round((float(image[5, 190, 1]) - 40) / 8))


PEOPLE = Seer(lambda number: poses(walkers(number)[:: 1 if number % 2 else -1]))
DISKS = Seer(disks, Task("instance", skeleton=None))
SURFACE = Seer(
    lambda number: Segmentation((disks(number).instance > 0).astype(np.uint8)),
    Task("semantic", skeleton=None),
)


@pytest.fixture
def film(tmp_path):
    return write_video(tmp_path / "film.mp4")


def rows(folder, name="film"):
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def test_people_are_followed_drawn_and_listed(film, tmp_path):
    out = tmp_path / "out"
    done = predict_video(PEOPLE, film, out, VideoOutputs(openpose=25))
    assert (done.name, done.frames, done.ids, done.remarks) == ("film", 20, 2, [])
    assert sorted(path.name for path in out.iterdir()) == sorted(["film.jsonl", FILM, "film_json"])
    assert sorted(done.files) == sorted(out.iterdir())
    with Video(out / FILM) as video:
        assert (video.count, video.fps, video.size) == (20, FPS, SIZE)
    found = rows(out)
    assert [row["frame"] for row in found] == list(range(20))
    right = [next(p for p in row["people"] if p["id"] == 2) for row in found]
    noses = [person["keypoints"][0][0] for person in right]
    assert (np.diff(noses) > 0).all()  # the same person walks on, whatever the order
    assert found[0]["skeleton"] == "coco17"
    assert len(list((out / "film_json").iterdir())) == 20
    again = read_openpose(out / "film_json" / "film_000000000007_keypoints.json", SIZE)
    assert sorted(again.ids) == [1, 2]


def test_people_of_videos_in_other_keypoints(film, tmp_path):
    outputs = VideoOutputs(last=2, openpose=18, skeleton=SKELETONS["lsp14"])
    out = tmp_path / "out"
    predict_video(PEOPLE, film, out, outputs)
    row = rows(out)[0]
    assert row["skeleton"] == "lsp14"
    assert len(row["people"][0]["keypoints"]) == 14
    again = read_openpose(out / "film_json" / "film_000000000000_keypoints.json", SIZE)
    assert (again.keypoints[:, 0] == 0).all()  # LSP has no nose


def test_objects_are_followed_and_have_their_color(film, tmp_path):
    predict_video(DISKS, film, tmp_path / "out")
    found = rows(tmp_path / "out")
    lefts = [next(o for o in row["objects"] if o["id"] == 1)["box"][0] for row in found]
    assert set(np.diff(lefts)) in ({3}, {-3})
    assert found[0]["objects"][0]["category"] == "disk"
    shown = list(frames(tmp_path / "out" / FILM))[10].image.astype(int)
    box = next(o for o in found[10]["objects"] if o["id"] == 2)["box"]
    spot = shown[box[3] - 12 : box[3] - 6, box[0] + 14 : box[0] + 24].mean(axis=(0, 1))
    plain = 40 + 8 * 10
    color = np.array(object_color(2))
    np.testing.assert_allclose(spot, 0.65 * plain + 0.35 * color, atol=14)


def test_a_task_without_objects_is_drawn_and_listed(film, tmp_path):
    done = predict_video(SURFACE, film, tmp_path / "out")
    assert done.ids == 0
    assert rows(tmp_path / "out")[3]["categories"]["disk"]["area_px"] > 100


def test_range_step_and_switches(film, tmp_path):
    out = tmp_path / "out"
    outputs = VideoOutputs(first=2, last=17, step=5, track=False, rendered=False)
    done = predict_video(PEOPLE, film, out, outputs)
    assert [row["frame"] for row in rows(out)] == [2, 7, 12, 17]
    assert rows(out)[1]["seconds"] == pytest.approx(7 / FPS)
    assert [path.name for path in done.files] == ["film.jsonl"]
    assert rows(out)[0]["people"][0]["id"] is None
    with Video(film) as video:
        predict_video(PEOPLE, film, out, VideoOutputs(step=5, overwrite=True))
        assert video.fps == FPS
    with Video(out / FILM) as video:
        assert (video.fps, video.count) == (5.0, 4)  # as long as the original


def test_smoothing_can_be_switched(film, tmp_path):
    rng = np.random.default_rng(0)
    noisy = Seer(lambda _: poses(walkers(0, 1.0, rng)[:1]))
    steps = {}
    for on in (True, False):
        predict_video(noisy, film, tmp_path / str(on), VideoOutputs(smooth=on, rendered=False))
        points = [row["people"][0]["keypoints"] for row in rows(tmp_path / str(on))]
        steps[on] = np.abs(np.diff(np.array(points)[..., :2], axis=0)).mean()
    assert steps[True] < 0.6 * steps[False]


def test_nobody_in_any_frame(film, tmp_path):
    empty = Seer(lambda _: poses(walkers(0)[:0]))
    done = predict_video(empty, film, tmp_path / "out", VideoOutputs(openpose=18))
    assert done.ids == 0
    text = (tmp_path / "out" / "film_json" / "film_000000000000_keypoints.json").read_text()
    assert text == '{"version":1.3,"people":[]}'


def test_a_failure_leaves_no_half_files(film, tmp_path):
    def show(number):
        if number == 9:
            raise ValueError("frame 9")
        return poses(walkers(number))

    with pytest.raises(ValueError, match="frame 9"):
        predict_video(Seer(show), film, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_results_are_not_replaced_unasked(film, tmp_path):
    out = tmp_path / "out"
    predict_video(PEOPLE, film, out)
    with pytest.raises(FileExistsError, match=r"2 of the results .* such as 'film.jsonl'"):
        predict_video(PEOPLE, film, out)
    predict_video(PEOPLE, film, out, VideoOutputs(overwrite=True))


def test_frames_of_an_earlier_run_do_not_stay(film, tmp_path):
    for step in (1, 10):
        outputs = VideoOutputs(step=step, openpose=25, rendered=False, overwrite=True)
        predict_video(PEOPLE, film, tmp_path / "out", outputs)
    names = sorted(path.name for path in (tmp_path / "out" / "film_json").iterdir())
    assert names == [f"film_{number:012d}_keypoints.json" for number in (0, 10)]


def test_openpose_needs_keypoints_and_a_video_needs_frames(film, tmp_path):
    with pytest.raises(ValueError, match="the task 'instance' does not find"):
        predict_video(DISKS, film, tmp_path / "out", VideoOutputs(openpose=25))
    film.write_bytes(b"")
    with pytest.raises(DatasetError, match="is empty"):
        predict_video(PEOPLE, film, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_camera_ends_with_ctrl_c_and_keeps_what_it_saw(film, tmp_path, monkeypatch):
    import cv2

    real = cv2.VideoCapture
    monkeypatch.setattr(
        cv2, "VideoCapture", lambda source: real(str(film if source == 0 else source))
    )

    def show(number):
        if number == 14:
            raise KeyboardInterrupt
        return poses(walkers(number))

    done = predict_video(Seer(show), "0", tmp_path / "out")
    assert (done.name, done.frames) == ("camera0", 14)
    assert len(rows(tmp_path / "out", "camera0")) == 14
    assert len(list(frames(tmp_path / "out" / f"camera0{best_ending()}"))) == 14


def test_frames_are_read_and_written_while_others_are_predicted(film, tmp_path, monkeypatch):
    """Each of the three waits for another, which none would reach if they took turns."""
    read, predicted = (collections.defaultdict(threading.Event) for _ in range(2))
    usual_frames, usual_describe, missed = Video.frames, filming.describe, []
    last = len(list(frames(film))) - 1

    def read_frames(video, *words):
        for frame in usual_frames(video, *words):
            read[frame.number].set()
            yield frame

    def show(number):
        predicted[number].set()
        missed.extend([] if number == last or read[number + 1].wait(30) else [number])
        return poses(walkers(number))

    def describe(found, categories, name, frame):
        number = frame.number
        missed.extend([] if number == last or predicted[number + 1].wait(30) else [number])
        return usual_describe(found, categories, name, frame)

    monkeypatch.setattr(Video, "frames", read_frames)
    monkeypatch.setattr(filming, "describe", describe)
    predict_video(Seer(show), film, tmp_path / "out")
    assert missed == []
    assert [row["frame"] for row in rows(tmp_path / "out")] == list(range(last + 1))
