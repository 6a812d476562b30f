"""Scores and reports of people, with predictors that know the answer."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from drawn_poses import COCO, LEAF
from knowing_models import SIZE, Fake
from read_page import Page

from segmentare.annotations.segmentation import Sample
from segmentare.annotations.skeletons import SKELETONS, convert
from segmentare.commands.scoring import _of_evaluation
from segmentare.datasets.base import Record
from segmentare.prediction.compatibility import check_skeletons
from segmentare.report.evaluation import score
from segmentare.report.report import ReportData, write_report
from segmentare.synthetic.people_dataset import draw_people
from segmentare.tasks import BodyTask, PoseTask
from segmentare.training.runs import Seen


@dataclass
class Drawn:
    """A dataset of drawn people."""

    records: list
    categories: tuple = BodyTask(COCO).categories
    skeleton: object = COCO
    root: Path = Path("drawn")
    silhouettes: bool = True

    def __getitem__(self, index):
        sample = draw_people(index, SIZE)
        image = sample.image.copy()
        image[0, 0] = index
        truth = convert(sample.annotation, self.skeleton)
        truth = truth if self.silhouettes else replace(truth, segmentation=None)
        return Sample(image, truth, self.records[index].name)

    def __len__(self):
        return len(self.records)


def drawn(count, **options):
    return Drawn([Record(f"image {i}", Path(f"{i}.png")) for i in range(count)], **options)


@pytest.mark.parametrize("task", [PoseTask(COCO), BodyTask(COCO)], ids=["pose", "body"])
def test_an_evaluation_is_shown(task, tmp_path, capsys):
    from segmentare.cli import show

    dataset = drawn(3)
    found = score(Fake(task), dataset, dataset.records, seen=Seen())
    assert found.scores["oks_ap"]["pooled"] > 0.9
    assert set(found.pictures) == {record.name for record in dataset.records}
    assert (found.calibration["pixels"] > 0) == (task.name == "body")
    show(found)
    printed = capsys.readouterr().out
    assert "matched at OKS 0.5" in printed
    assert "left_wrist" in printed
    parts = _of_evaluation(found, task.name, task.headline)
    write_report(tmp_path / "report.html", ReportData("People", **parts))
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert {"scores", "pictures", "joints", "counts"} <= page.ids
    assert ("calibration" in page.ids) == (task.name == "body")
    for text in ("match at an OKS of 0.5", "left_wrist", "0 invented", "Rings are keypoints"):
        assert text in page.text, text
    for text in ("IoU of 0.5:", "labeled", "outlined", "{'", "nan", "pose segmentation"):
        assert text not in page.text, text


def test_other_skeletons_are_converted_or_refused():
    lsp, leaf = drawn(2, skeleton=SKELETONS["lsp14"], silhouettes=False), drawn(0, skeleton=LEAF)
    model = Fake(PoseTask(COCO))
    remark = check_skeletons(model, lsp)
    assert "14 keypoints ('lsp14')" in remark
    assert "not scored: nose, left_eye, right_eye, left_ear, right_ear." in remark
    assert check_skeletons(model, drawn(0)) == ""
    found = score(model, lsp, lsp.records, seen=Seen(), pictures=False)
    assert found.scores["pck@0.2"]["pooled"] == 1
    assert found.scores["joints"]["nose"]["labeled"] == 0
    with pytest.raises(ValueError, match="must have keypoints of the model, 'coco17'"):
        check_skeletons(model, leaf)
