"""Keypoints from labeling tools: CVAT and Label Studio."""

import json

import numpy as np
import pytest
from drawn_keypoints import SIZE, write_image

from segmentare.annotations.skeletons import SKELETONS, skeleton_of
from segmentare.datasets import open_dataset
from segmentare.datasets.chosen_skeletons import open_as
from segmentare.errors import DatasetError

HEAD = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><name>mice</name><labels>
    <label><name>mouse</name><type>skeleton</type>
      <svg>&lt;line x1="1" data-type="edge" data-node-from="1" data-node-to="3"&gt;&lt;/line&gt;
      &lt;circle r="0.75" data-node-id="1" data-label-name="snout"&gt;&lt;/circle&gt;
      &lt;circle r="0.75" data-node-id="2" data-label-name="ear l"&gt;&lt;/circle&gt;
      &lt;circle r="0.75" data-node-id="3" data-label-name="ear r"&gt;&lt;/circle&gt;</svg></label>
    <label><name>snout</name><type>points</type><parent>mouse</parent></label>
    <label><name>ear l</name><type>points</type><parent>mouse</parent></label>
    <label><name>ear r</name><type>points</type><parent>mouse</parent></label>
  </labels></task></meta>
"""


def point(label, x, y, **more):
    extra = "".join(f' {name}="{value}"' for name, value in more.items())
    flags = "" if "occluded" in more else ' occluded="0"'
    return (
        f'<points label="{label}" source="manual"{flags} points="{x:.2f},{y:.2f}"{extra}></points>'
    )


def mouse(*points, label="mouse"):
    return f'<skeleton label="{label}" source="manual" z_order="0">{"".join(points)}</skeleton>'


def image(name, *content, size=SIZE):
    inner = "".join(content)
    return f'<image id="0" name="{name}" width="{size[1]}" height="{size[0]}">{inner}</image>'


def write_cvat(root, *images, head=HEAD):
    for name in ("a.png", "b.png"):
        write_image(root / "images" / name)
    path = root / "annotations.xml"
    path.write_text(f"{head}{''.join(images)}</annotations>")
    return open_dataset(root, task="pose")


def refusals(dataset):
    return [problem.what for problem in dataset.problems if problem.stops and problem.file]


def test_skeletons_of_cvat(tmp_path):
    first = mouse(
        point("ear r", 10.5, 20.5, outside=0),
        point("snout", 30.5, 40.5, occluded=1, outside=0),
        point("ear l", 1, 2, outside=1),
    )
    dataset = write_cvat(tmp_path, image("a.png", first, first), image("images/b.png"))
    assert dataset.reader == "cvat"
    assert dataset.layout == "CVAT for images in 'annotations.xml'; 3 keypoints ('mouse')."
    assert dataset.categories[1].name == "mouse"
    assert dataset.skeleton.keypoints == ("snout", "ear l", "ear r")
    assert (dataset.skeleton.swaps, dataset.skeleton.limbs) == ((0, 2, 1), ((0, 2),))
    assert dataset.problems == ()
    # CVAT's pixel 0 goes from 0 to 1, ours is centered on 0; what is outside is not labeled
    expected = [[30, 40, 1], [0, 0, 0], [10, 20, 2]]
    assert np.array_equal(dataset[0].annotation.keypoints, [expected, expected])
    assert len(dataset[1].annotation) == 0


def test_groups_of_points_of_cvat(tmp_path):
    head = "<annotations><version>1.1</version>"
    grouped = [
        point("tip", 5.5, 6.5, group_id=k) + point("stem", 9.5, k + 0.5, group_id=k) for k in (1, 2)
    ]
    dataset = write_cvat(
        tmp_path, image("a.png", *grouped), image("b.png", point("stem", 3.5, 3.5)), head=head
    )
    assert dataset.skeleton.keypoints == ("tip", "stem")
    assert np.array_equal(dataset[0].annotation.keypoints[:, 1], [[9, 1, 2], [9, 2, 2]])
    assert np.array_equal(dataset[1].annotation.keypoints, [[[0, 0, 0], [3, 3, 2]]])


def test_people_of_cvat_are_known_in_any_order(tmp_path):
    names = SKELETONS["lsp14"].keypoints
    points = [point(name.replace("_", " ").title(), k + 0.5, 1.5) for k, name in enumerate(names)]
    dataset = write_cvat(tmp_path, image("a.png", *points[::-1]), head="<annotations>")
    assert dataset.skeleton == SKELETONS["lsp14"]
    assert dataset[0].annotation.keypoints[0, :, 0].tolist() == list(range(14))


def test_a_skeleton_of_your_own_sorts_them(tmp_path):
    write_cvat(tmp_path, image("a.png", mouse(point("snout", 3.5, 4.5))))
    wanted = skeleton_of("rat", ["right_ear", "snout"])
    dataset = open_as(tmp_path, None, "pose", wanted)
    assert np.array_equal(dataset[0].annotation.keypoints[0], [[0, 0, 0], [3, 4, 2]])


def test_what_cannot_be_read_of_cvat_is_said(tmp_path):
    dataset = write_cvat(
        tmp_path,
        image("a.png", mouse(point("snout", 3, 4)), size=(9, 9)),
        image("gone.png", mouse(point("snout", 3, 4))),
        image("b.png", point("tip", 1, 2), point("tip", 3, 4)),
        image("b.png", '<points label="tip" points="1,2;3,4"></points>'),
        image("b.png", mouse(point("snout", 300, 4))),
        image("b.png", mouse(point("snout", 3, 4))),
        image("a.png", mouse(point("snout", 3, 4), label="rat")),
    )
    said = refusals(dataset)
    assert "Each object of 'b.png' in 'annotations.xml' must have one point 'tip'" in said[0]
    assert "must be one x,y; it is '1,2;3,4'" in said[1]
    assert "there are 'mouse' and 'rat'" in said[2]
    assert "'a.png'" in said[3]
    assert "9 x 9" in said[3]
    assert "'gone.png' stands in 'annotations.xml' but not on disk" in said[4]
    assert "must stand in the files once" in said[5]
    remarks = [problem.what for problem in dataset.problems if not problem.stops]
    assert "lie outside their image" in remarks[0]
    assert [record.name for record in dataset.records] == ["b"]


def test_videos_and_damaged_files_of_cvat(tmp_path):
    write_image(tmp_path / "a.png")
    (tmp_path / "a.xml").write_text('<annotations><track id="0"></track></annotations>')
    with pytest.raises(DatasetError, match=r"must be exported as 'CVAT for images 1\.1'"):
        open_dataset(tmp_path, task="pose")
    (tmp_path / "a.xml").write_text("<annotations><image")
    with pytest.raises(DatasetError, match=r"'a.xml' must be XML; .*\. Export it again\."):
        open_dataset(tmp_path, task="pose")
    for other in (
        "<annotation/>",
        '<!DOCTYPE x [<!ENTITY a "b">]><annotations><image/></annotations>',
    ):
        (tmp_path / "a.xml").write_text(other)
        with pytest.raises(DatasetError, match="Known layouts are"):
            open_dataset(tmp_path, task="pose")


def region(kind, label, x, y, **more):
    """A region of Label Studio: places in percent."""
    value = {"x": x, "y": y, "width": 1, kind: [label]} | more.pop("value", {})
    height, width = SIZE
    return {
        "type": kind,
        "value": value,
        "original_width": width,
        "original_height": height,
        **more,
    }


def key(label, x, y, **more):
    return region("keypointlabels", label, x, y, **more)


def task(name, *regions, **more):
    return {"id": 1, "data": {"img": name}, "annotations": [{"result": list(regions), **more}]}


def write_label_studio(root, *tasks):
    for name in ("a.png", "b.png"):
        write_image(root / name)
    (root / "export.json").write_text(json.dumps(list(tasks)))
    return open_dataset(root, task="pose")


def test_points_of_label_studio(tmp_path):
    tasks = [
        task("/data/upload/3/0123abcd-a.png", key("tip", 50, 25), key("stem", 100 / 80, 10)),
        task("/data/local-files/?d=deep%2Fb.png", key("stem", 50, 50)),
    ]
    dataset = write_label_studio(tmp_path, *tasks)
    assert dataset.reader == "label_studio"
    assert dataset.skeleton.keypoints == ("tip", "stem")
    # 50 % of 80 pixels is the edge between the pixels 39 and 40
    assert np.allclose(dataset[0].annotation.keypoints, [[[39.5, 14.5, 2], [0.5, 5.5, 2]]])
    assert np.allclose(dataset[1].annotation.keypoints, [[[0, 0, 0], [39.5, 29.5, 2]]])
    assert dataset.problems == ()


def test_rectangles_of_label_studio_tell_objects_apart(tmp_path):
    sides = {"width": 50, "height": 100}
    boxes = [region("rectanglelabels", "leaf", x, 0, id=f"box{x}", value=sides) for x in (0, 50)]
    small = region("rectanglelabels", "leaf", 60, 10, id="small", value={"width": 10, "height": 50})
    points = [
        key("tip", 10, 50),
        key("tip", 90, 50),
        key("stem", 20, 50, parentID="box50"),  # said by its parent, though it lies in the other
        key("tip", 65, 20),
    ]
    dataset = write_label_studio(tmp_path, task("a.png", *boxes, small, *points))
    poses = dataset[0].annotation
    assert dataset.categories[1].name == "leaf"
    assert np.allclose(poses.keypoints[:, 0, 0], [7.5, 71.5, 51.5])
    assert (poses.keypoints[:, 1, 2] > 0).tolist() == [False, True, False]
    assert np.allclose(
        poses.boxes, [[-0.5, -0.5, 39.5, 59.5], [39.5, -0.5, 79.5, 59.5], [47.5, 5.5, 55.5, 35.5]]
    )


def test_a_turned_rectangle_is_the_box_around_it(tmp_path):
    turned = region(
        "rectanglelabels", "leaf", 50, 0, value={"width": 25, "height": 50, "rotation": 90}
    )
    dataset = write_label_studio(tmp_path, task("a.png", turned, key("tip", 40, 10)))
    assert np.allclose(dataset[0].annotation.boxes, [[9.5, -0.5, 39.5, 19.5]], atol=1e-4)


def test_what_cannot_be_read_of_label_studio_is_said(tmp_path):
    dataset = write_label_studio(
        tmp_path,
        task("a.png", key("tip", 1, 2), key("tip", 3, 4)),
        task("b.png", key("tip", 1, 2, image_rotation=90)),
        task("b.png", {"type": "keypointlabels", "value": {"x": 1}}),
        task("b.png", key("tip", 1, 2), was_cancelled=True),
        task("b.png", key("tip", 1, 2)),
        task("https://host/x/c.png", key("tip", 1, 2)),
    )
    said = refusals(dataset)
    assert "Each object of 'a.png' must have one point 'tip'; one has two." in said[0]
    assert "it was turned in Label Studio" in said[1]
    assert said[2].startswith(
        "Task 1 in 'export.json' must have regions as Label Studio writes them; KeyError"
    )
    assert "'c.png' stands in 'export.json' but not on disk" in said[3]
    assert [record.name for record in dataset.records] == ["b"]
