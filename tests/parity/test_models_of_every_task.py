"""PyTorch and Keras read the same model folders: every network and task, maps and predictions."""

import json

import cv2
import numpy as np
import pytest
from drawn_poses import COCO
from network_specs import SPECS

pytest.importorskip("tensorflow", reason="needs segmentare[tensorflow]")
torch = pytest.importorskip("torch", reason="needs segmentare[torch]")

from segmentare import networks
from segmentare.annotations.segmentation import Category, Segmentation
from segmentare.images.reading import read_image
from segmentare.keras import inference as keras_inference
from segmentare.keras.weights import to_arrays
from segmentare.models.checkpoint import load_model, save_model
from segmentare.networks import inference as torch_inference
from segmentare.prediction.preprocessing import Preprocessing
from segmentare.runtimes.loading import load
from segmentare.tasks import BodyTask, InstanceTask, PanopticTask, PoseTask, SemanticTask

TOLERANCE = 1e-5

CELLS = (Category("background", (0, 0, 0), background=True), Category("x", (255, 0, 0), thing=True))
SCENE = (*CELLS, Category("sky", (0, 0, 255)))
TASKS = {
    "binary": SemanticTask(CELLS),
    "categories": SemanticTask(SCENE),
    "centers": InstanceTask(CELLS),
    "flows": InstanceTask(CELLS, code="flow"),
    "panoptic": PanopticTask(SCENE),
    "pose": PoseTask(COCO),
    "fields": PoseTask(COCO, code="fields"),
    "body": BodyTask(COCO),
}


def write_model(folder, spec, task, arrays=None):
    """A model whose BatchNorms have seen images, and whose heads say something of each pixel."""
    if arrays is None:
        torch.manual_seed(0)
        network = networks.build_network(spec, task.heads)
        for _ in range(2):
            network.train()(2 * torch.randn(2, spec.channels, 64, 96) + 1)
        arrays = torch_inference.to_arrays(network)
    preprocessing = Preprocessing(3, "uint8", (100.0,) * 3, (60.0,) * 3, (64, 96))
    description = {
        "task": task.to_dict(),
        "network": spec.to_dict(),
        "preprocessing": preprocessing.to_dict(),
    }
    save_model(folder, description, arrays)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECS)
def test_maps_of_every_task_are_equal(name, tmp_path):
    image = np.random.default_rng(5).integers(0, 255, (75, 101, 3), np.uint8)
    for code, task in TASKS.items():
        model = write_model(tmp_path / code, SPECS[name], task)
        one, other = (load(model, framework=framework) for framework in ("torch", "tensorflow"))
        expected, found = one.maps(image), other.maps(image)
        assert [*found] == [head.name for head in task.heads]
        for head, maps in expected.items():
            np.testing.assert_allclose(
                found[head], maps, rtol=0, atol=TOLERANCE, err_msg=f"{code}: {head}"
            )


def test_a_model_written_by_keras_is_one_of_pytorch(tmp_path):
    folder = write_model(tmp_path / "theirs", SPECS["resnet"], TASKS["binary"])
    found = keras_inference.restore(folder, folded=False)
    description, arrays = load_model(folder)
    save_model(tmp_path / "ours", description, to_arrays(found.network))
    ours = load_model(tmp_path / "ours")[1]
    assert ours.keys() == arrays.keys()
    assert all(np.array_equal(ours[key], arrays[key]) for key in arrays)
    assert json.loads((tmp_path / "ours" / "model.json").read_text())["network"]
    image = np.random.default_rng(1).integers(0, 255, (40, 40, 3), np.uint8)
    expected = load(folder, framework="torch").maps(image)["object"]
    assert np.array_equal(
        load(tmp_path / "ours", framework="torch").maps(image)["object"], expected
    )


PICTURES = {
    "binary": "ph2/images/IMD002.png",
    "categories": "camvid/CamVid/test/*.jpg",
    "centers": "nuclei_dsb2018/images/*.png",
    "body": "person_ccp/images/*",
}


@pytest.mark.parametrize("code", PICTURES)
def test_predictions_on_real_images_are_equal(code, data, tmp_path):
    path = next(iter(sorted(data.glob(PICTURES[code]))))
    image = read_image(path)[..., :3]
    size = [min(side, 320) for side in image.shape[1::-1]]
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    model = write_model(tmp_path / "model", SPECS["resnet"], TASKS[code])
    one, other = (
        load(model, framework=framework).predict(image) for framework in ("torch", "tensorflow")
    )
    if isinstance(one, Segmentation):
        assert np.unique(one.category).size > 1
        assert np.array_equal(one.category, other.category)
        if one.instance is not None:
            assert np.array_equal(one.instance, other.instance)
    else:
        assert one.keypoints.shape == other.keypoints.shape
        np.testing.assert_allclose(one.keypoints, other.keypoints, atol=1e-3)
