"""Model folders of others: each opens and answers, or is refused with one sentence."""

import copy
import json
import random
import time
import warnings
from dataclasses import replace

import numpy as np
import pytest
from any_model import NETWORKS, TASKS, picture, write_any

from segmentare import json_values
from segmentare.errors import ModelError
from segmentare.models.architecture import NetworkSpec
from segmentare.models.checkpoint import MODEL, WEIGHTS
from segmentare.models.description import read_model
from segmentare.networks import inference
from segmentare.runtimes.loading import Wanted, open_model
from segmentare.tasks import PoseTask, task_from_dict


def load(folder):
    return open_model(folder, Wanted("torch", device="cpu")).predictor


VALUES = [
    *(None, True, False, 0, 1, -1, 2, 7, 1.5, -0.5, 1e9, 20000, 10**30, 10**400),
    *(float("nan"), float("inf"), "", "x", "7", "../x", "\0", [], [1], [None], ["a"] * 3, [[1, 2]]),
    *({}, {"a": 1}),
]
SPECS = ("segnet", "vgg", "detail", "coarse")


def places(data, at=()):
    """Yield the way to every value in JSON data."""
    if at:
        yield at
    named = data.items() if isinstance(data, dict) else ()
    for key, value in list(enumerate(data))[:4] if isinstance(data, list) else named:
        yield from places(value, (*at, key))


def mutated(rng, data):
    """Return JSON data with a value or two spoiled: gone, renamed, doubled, or anything else."""
    data = copy.deepcopy(data)
    for _ in range(rng.choice([1, 1, 1, 2])):
        *way, key = rng.choice(list(places(data)))
        parent = data
        for step in way:
            parent = parent[step]
        kind, old = rng.random(), parent[key]
        if kind < 0.15:
            del parent[key]
        elif kind < 0.25 and isinstance(parent, dict):
            parent[key + rng.choice(["x", "s", " "])] = parent.pop(key)
        elif kind < 0.35 and isinstance(parent, list):
            parent.insert(rng.randrange(len(parent) + 1), rng.choice(VALUES))
        elif kind < 0.5 and type(old) in (int, float):
            parent[key] = rng.choice([2 * old, old + 1, -old, 1000 * old, str(old), float(old)])
        else:
            parent[key] = rng.choice(VALUES)
    return data


def answers(folder):
    """Tell whether a folder opens and predicts; else it must be refused, quickly, in a sentence."""
    began = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = load(folder).predict(picture(40, 50))
    except ModelError as error:
        said = str(error)
        assert "\n" not in said
        assert 30 < len(said) < 600
        assert time.monotonic() - began < 30
        return False
    assert found.size == (40, 50)
    return True


@pytest.mark.parametrize("name", [*TASKS, *SPECS])
def test_any_description_opens_or_is_refused(tmp_path, name):
    kind = {"spec": NETWORKS[name]} if name in SPECS else {"task": TASKS[name]}
    folder = write_any(tmp_path / "model", **kind)
    given = json.loads((folder / MODEL).read_text())
    rng = random.Random(name)  # noqa: S311  no secret
    assert answers(folder)
    opened = 0
    for _ in range(60):
        (folder / MODEL).write_text(json.dumps(mutated(rng, given)))
        opened += answers(folder)
    assert opened < 30


def test_any_weights_open_or_are_refused(tmp_path):
    folder = write_any(tmp_path / "model")
    data = (folder / WEIGHTS).read_bytes()
    length = int.from_bytes(data[:8], "little")
    head, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    rng = random.Random(5)  # noqa: S311  no secret
    for number in range(120):
        if number % 3 == 0:
            damaged = bytearray(data)
            for _ in range(3):
                damaged[rng.randrange(8 + length)] = rng.randrange(256)
        elif number % 3 == 1:
            damaged = data[: rng.randrange(len(data))]
        else:
            text = json.dumps(mutated(rng, head)).encode()
            damaged = len(text).to_bytes(8, "little") + text + body
        (folder / WEIGHTS).write_bytes(damaged)
        answers(folder)


HUGE = {
    "blocks": (20_000, "must be a whole number from 1 to 64"),
    "depth": (10**9, "must be a whole number from 1 to 32"),
    "width": (1e6, "must be a number from 0.001 to 16"),
    "detail": (10**7, "must be a whole number from 0 to 4096"),
    "decoder_channels": ([10**9] * 3, "must be a whole number from 1 to 4096"),
    "stride": (True, "must be a whole number from 1 to 4; it is True"),
    "channels": (4, "the network takes 4 channels, but the preprocessing makes 3"),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_size_that_no_network_has_is_refused_at_once(tmp_path, name):
    folder = write_any(tmp_path / "model")
    data = json.loads((folder / MODEL).read_text())
    data["network"][name], sentence = HUGE[name]
    (folder / MODEL).write_text(json.dumps(data))
    began = time.monotonic()
    with pytest.raises(ModelError, match=sentence):
        load(folder)
    assert time.monotonic() - began < 5


def test_no_memory_is_taken_before_the_weights_have_the_shapes_of_the_network(
    tmp_path, monkeypatch
):
    folder = write_any(tmp_path / "model")
    data = json.loads((folder / MODEL).read_text())
    wide = {"width": 16.0, "depth": 6, "blocks": 64, "decoder_channels": [4096] * 6}
    data["network"] |= wide  # half a terabyte
    (folder / MODEL).write_text(json.dumps(data))
    with pytest.raises(ModelError, match=r"The weights must fit the network of model\.json"):
        load(folder)
    monkeypatch.setattr(inference, "from_arrays", None)  # it does not come so far
    with pytest.raises(ModelError, match=r"The weights must fit"):
        inference.restore(read_model(folder))


def test_weights_that_are_not_numbers_are_refused(tmp_path):
    from safetensors.numpy import load_file, save_file

    folder = write_any(tmp_path / "model")
    arrays = load_file(folder / WEIGHTS)
    name = next(name for name in arrays if name.endswith("running_mean"))
    save_file({**arrays, name: arrays[name] > 0}, folder / WEIGHTS)
    with pytest.raises(ModelError, match="holds bool instead of numbers"):
        load(folder)


@pytest.mark.parametrize("parents", [(1, 0, -1, 2), (0, -1, -1, -1), (-1, 0)])
def test_keypoints_that_no_way_leads_to_are_refused(parents):
    from drawn_poses import LEAF

    with pytest.raises(ValueError, match="lead from the center"):
        PoseTask(LEAF, parents=parents)
    data = replace(PoseTask(LEAF), parents=(-1, 0, 1, 2)).to_dict()
    assert task_from_dict(json.loads(json.dumps(data))).parents == (-1, 0, 1, 2)


def test_every_network_survives_its_description():
    for spec in NETWORKS.values():
        assert NetworkSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    with pytest.raises(ModelError, match="'num_hidden_layers' must be a whole number"):
        NetworkSpec.from_dict(
            {
                "encoder": "hf",
                "backbone": {
                    "config": {"model_type": "dinov2", "num_hidden_layers": 10**6},
                    "strides": [4, 8, 16, 32],
                    "patch": 14,
                },
            }
        )


def test_values_are_named_in_few_words():
    for value in (10**5000, "x" * 10**6, [[[[1] * 99] * 99] * 99] * 99, np.zeros(9)):
        assert len(json_values.shown(value)) < 400
    with pytest.raises(ValueError, match="'size' must be a whole number from 1 to 9; it is True"):
        json_values.whole(True, "size", 1, 9)  # noqa: FBT003
    with pytest.raises(ValueError, match="'size' must be a number from 1 to 9; it is nan"):
        json_values.number(float("nan"), "size", 1, 9)
    with pytest.raises(ValueError, match="'size' must be a list of 2 values; it is 'ab'"):
        json_values.listed("ab", "size", 2, 2)
    assert json_values.number(3, "size", 1, 9) == 3.0
