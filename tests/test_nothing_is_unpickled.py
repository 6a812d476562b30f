"""Every path by which a file is opened is walked with poisoned files, and no code runs.

Python says of itself whenever an unpickler looks up what it will call; nobody may do that here.
"""

import ast
import contextlib
import importlib.util
import io
import json
import pickle
import shutil
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from any_model import write_any
from command_line import TRAIN
from drawn_folders import draw, numbered

from segmentare.annotations.skeletons import read_skeleton
from segmentare.datasets import KEYPOINT_READERS, READERS, open_dataset
from segmentare.datasets.masks.reading import read_raw
from segmentare.images.reading import SUFFIXES, header, read_image
from segmentare.images.windows import open_large, open_windows, stored_size
from segmentare.large.blocks import Workspace
from segmentare.models.checkpoint import MODEL
from segmentare.models.description import checksum, read_model
from segmentare.runtimes import ENGINES, cache
from segmentare.runtimes.model import load
from segmentare.runtimes.writing import EXPORTERS, export
from segmentare.video.reading import Video

SOURCES = sorted((Path(__file__).parents[1] / "src" / "segmentare").rglob("*.py"))
SIX = dict.fromkeys(("torch", "pickle 0", "pickle", "zip", "npy", "npz"))


class Bomb:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return exec, (f"open({self.mark!r}, 'w').close()",)


class Watch:
    """Knows what unpicklers in this process looked up."""

    def __init__(self):
        self.found = None
        sys.addaudithook(self.hear)  # which stays as long as the process does

    def hear(self, event, details):
        if event == "pickle.find_class" and self.found is not None:
            self.found.append(details[1:])


WATCH = Watch()


def poisons(mark):
    """Return what runs code when it is unpickled, in all the usual wrappings."""
    bomb = Bomb(mark)
    plain = pickle.dumps(bomb)
    archive, npy, npz, legacy = (io.BytesIO() for _ in range(4))
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("archive/data.pkl", "data.pkl", "archive/version", "models/model.json"):
            file.writestr(name, plain)
    np.save(npy, np.array([bomb], object), allow_pickle=True)
    np.savez(npz, category=np.array([bomb], object), ids=np.array([bomb], object))
    made = {
        "pickle": plain,
        "pickle 0": pickle.dumps(bomb, 0),
        "zip": archive.getvalue(),
        "npy": npy.getvalue(),
        "npz": npz.getvalue(),
    }
    if importlib.util.find_spec("torch"):
        import torch

        torch.save(bomb, legacy, _use_new_zipfile_serialization=False)
        made["torch"] = legacy.getvalue()
    return made


@pytest.fixture
def harmless(tmp_path, capsys):
    """Call something with poisoned files, whatever it raises; no code may have run."""
    mark = tmp_path / "code ran"

    def call(function, *args, **options):
        WATCH.found = []
        with contextlib.suppress(Exception, SystemExit):  # whether refused well is tested elsewhere
            function(*args, **options)
        found, WATCH.found = WATCH.found, None
        capsys.readouterr()
        assert not mark.exists()
        assert found == []

    call.poisons = poisons(mark)
    return call


def test_the_poison_works(tmp_path):
    for kind, data in poisons(tmp_path / "ran").items():
        WATCH.found = []
        if kind.startswith("np"):
            found = np.load(io.BytesIO(data), allow_pickle=True)
            list(found.values()) if kind == "npz" else None
        elif kind == "zip":
            pickle.loads(zipfile.ZipFile(io.BytesIO(data)).read("data.pkl"))  # noqa: S301
        elif kind == "torch":
            import torch

            torch.load(io.BytesIO(data), weights_only=False)
        else:
            pickle.loads(data)  # noqa: S301
        assert WATCH.found, kind
        assert (tmp_path / "ran").exists(), kind
        (tmp_path / "ran").unlink()
    WATCH.found = None


IMPORTS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "runpy"}
CALLS = {
    *("torch.load", "torch.jit.load", "torch.export.load", "torch.hub.load", "torch.package"),
    *("tf.keras.models.load_model", "keras.models.load_model", "keras.saving.load_model"),
    *("pandas.read_pickle", "pd.read_pickle", "yaml.load", "eval", "exec", "ET.parse"),
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_module_can_unpickle(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", "") or ""}
            assert not {name.split(".")[0] for name in names} & IMPORTS
        if not isinstance(node, ast.Call):
            continue
        called, given = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
        # PyYAML's plainest loader makes texts, lists and mappings only.
        plain = called == "yaml.load" and ast.unparse(node.args[1]) == "yaml.BaseLoader"
        assert plain or called not in CALLS
        if called in {"np.load", "numpy.load"}:
            assert given.get("allow_pickle") == "False"
        assert given.get("trust_remote_code", "False") == "False"
        if called.endswith("from_pretrained"):
            assert "trust_remote_code" in given or given.get("use_safetensors") == "True"


@pytest.mark.parametrize("kind", SIX)
def test_a_model_folder(harmless, run_cli, drawn, tmp_path, kind):
    for name in (MODEL, "weights.safetensors"):
        folder = write_any(tmp_path / name.split(".")[0])
        for other in ("weights.pt", "pytorch_model.bin", "network.pt2", "model.pkl"):
            (folder / other).write_bytes(harmless.poisons[kind])
        (folder / name).write_bytes(harmless.poisons[kind])
        harmless(load, folder, engine="torch")
        harmless(run_cli, "predict", folder, drawn / "images", "--out", tmp_path / "m", "--quiet")
        start = ["--start", folder, "--out", tmp_path / "r", *TRAIN]
        harmless(run_cli, "train", drawn, *start)
        harmless(run_cli, "export", folder, "--to", "openvino", "--out", tmp_path / "x", "--quiet")


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """An export of every format that can be made here."""
    there = tmp_path_factory.mktemp("exports")
    run = write_any(there / "run")
    for name, exporter in EXPORTERS.items():
        if all(importlib.util.find_spec(package) for package in exporter.needs):
            export(read_model(run), name, there / name)
    if importlib.util.find_spec("tensorflow"):
        from segmentare.keras.exports import write_savedmodel
        from segmentare.keras.inference import restore

        (there / "savedmodel").mkdir()
        files = write_savedmodel(restore(run), there / "savedmodel")
        facts = {"format": "savedmodel", "precision": "f32", "multiple": 32}
        facts["files"] = {name: checksum(there / "savedmodel" / name) for name in files}
        description = {**json.loads((run / MODEL).read_text()), "export": facts}
        (there / "savedmodel" / MODEL).write_text(json.dumps(description))
    return there


def sealed(folder):
    """Write the checksums of the poisoned files into model.json, as an attacker would."""
    description = json.loads((folder / MODEL).read_text())
    files = description["export"]["files"]
    description["export"]["files"] = {name: checksum(folder / name) for name in files}
    (folder / MODEL).write_text(json.dumps(description))
    return folder


@pytest.mark.parametrize("kind", SIX)
def test_exports_of_every_format(harmless, exports, tmp_path, kind):
    for there in sorted(exports.iterdir()):
        description = json.loads((there / MODEL).read_text())
        for name in description.get("export", {}).get("files", {}):
            folder = shutil.copytree(there, tmp_path / "export")
            (folder / name).write_bytes(harmless.poisons[kind])
            sealed(folder)
            harmless(load, folder)
            for engine in ENGINES:
                harmless(load, folder, engine=engine)
            harmless(load, folder, framework="tensorflow")
            shutil.rmtree(folder)


def test_an_old_export_of_pytorch(harmless, tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    folder = write_any(tmp_path / "old")
    good, bad = tmp_path / "good.pt2", folder / "network.pt2"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(torch.nn.ReLU(), (torch.ones(2),)), good)
    with zipfile.ZipFile(good) as given, zipfile.ZipFile(bad, "w") as file:
        for name in given.namelist():
            examples = name.endswith("sample_inputs/model.pt")
            file.writestr(name, harmless.poisons["torch"] if examples else given.read(name))
    facts = {"format": "torch", "precision": "f32", "multiple": 32, "files": {"network.pt2": ""}}
    description = json.loads((folder / MODEL).read_text()) | {"export": facts}
    (folder / MODEL).write_text(json.dumps(description))
    sealed(folder)
    harmless(load, folder)
    harmless(load, folder, engine="torch")
    with contextlib.suppress(Exception):  # what earlier versions did
        torch.export.load(bad)
    assert (tmp_path / "code ran").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", SIX)
def test_what_is_remembered_of_a_model(harmless, exports, tmp_path, kind):
    run = write_any(tmp_path / "run")
    place = cache.place_of(read_model(run))
    (place / "trial.json").write_bytes(harmless.poisons[kind])
    harmless(load, run)
    for engine in ("onnx", "openvino"):
        if not (exports / engine).is_dir():
            continue
        for path in sorted((exports / engine).iterdir()):
            shutil.rmtree(place / engine, ignore_errors=True)
            folder = shutil.copytree(exports / engine, place / engine)
            (folder / path.name).write_bytes(harmless.poisons[kind])
            if path.name != MODEL:
                sealed(folder)
            harmless(load, run, engine=engine)


@pytest.mark.parametrize("kind", SIX)
def test_a_run_that_is_resumed(harmless, run_cli, drawn, tiny_run, tmp_path, kind):
    for name in ("plan.json", "training_state.safetensors", "best.safetensors", "split.json"):
        run = shutil.copytree(tiny_run, tmp_path / name)
        (run / MODEL).unlink()
        for other in ("training_state.safetensors", "best.safetensors", name):
            (run / other).write_bytes(harmless.poisons[kind])
        harmless(run_cli, "train", drawn, "--out", run, "--resume", "--quiet")


@pytest.mark.slow
@pytest.mark.parametrize("kind", SIX)
def test_images_masks_tables_and_videos(harmless, run_cli, drawn, model, tmp_path, kind):
    data = harmless.poisons[kind]
    for suffix in sorted(SUFFIXES | {".npy", ".npz", ".avi", ".mp4", ".json", ".toml", ".csv"}):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(data)
        for read in (read_image, header, read_raw, open_windows, stored_size, read_skeleton):
            harmless(read, path)
        harmless(open_large, path, 0)
        if suffix in {".avi", ".mp4", ".npy"}:
            harmless(lambda path=path: next(iter(Video(path))))
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for suffix in sorted(SUFFIXES | {".avi", ".npy"}):
        (pictures / f"a{suffix[1:]}{suffix}").write_bytes(data)
        (pictures / f"b{suffix[1:]}{suffix}").write_bytes(data)
    harmless(run_cli, "predict", model, pictures, "--out", tmp_path / "out", "--quiet")
    for option in ("--split", "--skeleton", "--groups"):
        words = [drawn, "--out", tmp_path / "run", *TRAIN, option, tmp_path / "a.json"]
        harmless(run_cli, "train", *words)


NAMES = (
    *("joints.mat", "annotations.xml", "data.yaml", "classes.csv", "classes.txt", "labels.csv"),
    *("list.json", "annotations/instances_val.json", "annotations/person_keypoints_val.json"),
    *("annotations/panoptic_val.json", "images/0.json", "images/0_keypoints.json", "split.csv"),
    *("labels/0.txt", "masks/0.png", "masks/0.npy", "train.txt", "SegmentationClass/0.png"),
)


def read_all(folder, reader, task):
    for sample in open_dataset(folder, reader, task):
        assert sample.image.ndim == 3


@pytest.mark.parametrize("kind", SIX)
def test_datasets_of_every_layout(harmless, run_cli, tmp_path, kind):
    folder = draw(tmp_path / "data", numbered("images/{}.png", "masks/{}.png"))
    shutil.copytree(folder / "images", folder / "JPEGImages")
    for name in NAMES:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(harmless.poisons[kind])
    for task, readers in (("instance", READERS), ("pose", KEYPOINT_READERS)):
        for reader in readers:
            harmless(read_all, folder, reader, task)
    for name in NAMES:  # one of them at a time, by whichever reader takes the folder
        alone = draw(tmp_path / name.replace("/", "-"), numbered("images/{}.png", "masks/{}.png"))
        (alone / name).parent.mkdir(exist_ok=True)
        (alone / name).write_bytes(harmless.poisons[kind])
        harmless(read_all, alone, None, "semantic")
        harmless(run_cli, "check", alone, "--task", "pose", "--no-page", "--quiet")


@pytest.mark.parametrize("kind", ["npz", "zip", "pickle"])
def test_parts_of_a_large_image(harmless, tmp_path, kind):
    workspace = Workspace(tmp_path / "parts")
    workspace.open({"job": 1})
    block = ((0, 8), (0, 8))
    workspace.place(block).write_bytes(harmless.poisons[kind])
    harmless(workspace.load, block, "category", "ids")


@pytest.mark.parametrize("kind", SIX)
@pytest.mark.skipif(not importlib.util.find_spec("transformers"), reason="needs transformers")
def test_a_hugging_face_backbone(harmless, tmp_path, monkeypatch, kind):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import transformers

    from segmentare.networks.backbone import backbone_weights, build_backbone, describe_backbone

    stages = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}
    config = transformers.ResNetConfig(embedding_size=8, layer_type="basic", **stages)
    model = transformers.AutoBackbone.from_config(config)
    for name in ("config.json", "model.safetensors", "model.safetensors.index.json", "more"):
        folder = tmp_path / name
        model.save_pretrained(folder)
        for other in ("pytorch_model.bin", "model.bin", "adapter_model.bin"):
            (folder / other).write_bytes(harmless.poisons[kind])
        data = harmless.poisons[kind]
        if name.endswith("index.json"):
            (folder / "model.safetensors").unlink()
            names = dict.fromkeys(model.state_dict(), "model.bin")
            data = json.dumps({"metadata": {}, "weight_map": names}).encode()
        (folder / name).write_bytes(data)
        if name == "more":
            (folder / "model.safetensors").unlink()
        harmless(describe_backbone, folder)
        harmless(backbone_weights, folder)
    code = tmp_path / "remote"
    model.save_pretrained(code)
    (code / "theirs.py").write_text(f"open({str(tmp_path / 'code ran')!r}, 'w')")
    given = json.loads((code / "config.json").read_text())
    given["auto_map"] = {"AutoConfig": "theirs.C", "AutoBackbone": "theirs.B"}
    (code / "config.json").write_text(json.dumps(given))
    harmless(describe_backbone, code)
    harmless(backbone_weights, code)
    harmless(build_backbone, given | {"_name_or_path": str(code)})
