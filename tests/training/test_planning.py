import json
from dataclasses import replace

import numpy as np
import pytest
from tiny_training import PLAN, TASK, same, sample
from tiny_training import training as tiny_training

from segmentare.annotations.segmentation import Category, Sample, Segmentation
from segmentare.commands.network_choice import choose_spec
from segmentare.datasets.traits import common_uprightness, pose_radius
from segmentare.errors import BudgetError
from segmentare.models.architecture import NetworkSpec
from segmentare.networks.backend import TorchEngine
from segmentare.synthetic.object_datasets import SyntheticObjects
from segmentare.synthetic.people_dataset import SyntheticPeople
from segmentare.tasks import BodyTask, InstanceTask, PoseTask, SemanticTask
from segmentare.training.plan import Plan
from segmentare.training.planning import USUAL_SPEED, make_plan, time_plan
from segmentare.training.request import PlanRequest

ONE = np.uint8(1)
STREET = SemanticTask(tuple(Category(f"kind {i}", (i, i, i)) for i in range(4)))


def one(mask, seed=0, dtype=np.uint8, channels=3):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 200, (*mask.shape, channels)).astype(dtype)
    return Sample(image, Segmentation(mask.astype(np.uint8)), str(seed))


def disks(size, count=8):
    """Masks of one large disk each, anywhere."""
    y, x = np.mgrid[: size[0], : size[1]]
    made = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        middle = np.array(size) * rng.uniform(0.35, 0.65, 2)
        made.append(one(np.hypot(y - middle[0], x - middle[1]) < 0.25 * min(size), seed))
    return made


def vessels(size, count=8):
    """Masks of lines three pixels wide."""
    made = []
    for seed in range(count):
        mask = np.zeros(size, np.uint8)
        first = 5 + seed
        for row in range(first, size[0] - 3, 31):
            mask[row : row + 3] = 1
        for column in range(first, size[1] - 3, 37):
            mask[:, column : column + 3] = 1
        made.append(one(mask, seed))
    return made


def people(size, count=12):
    """A small head above a broad body, at different places."""
    y, x = np.mgrid[: size[0], : size[1]]
    made = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        middle = size[1] * rng.uniform(0.35, 0.65)
        head = np.hypot(y - 0.25 * size[0], x - middle) < 0.1 * size[0]
        body = (y > 0.35 * size[0]) & (np.abs(x - middle) < 0.25 * size[1])
        made.append(one(head | body, seed))
    return made


def plan_of(samples, images=200, task=TASK, **request):
    return make_plan(samples, images, task, PlanRequest(**request))


def test_whole_images_keep_their_aspect():
    height, width = plan_of(disks((288, 384))).preprocessing.size
    assert (height, width) in {(192, 256), (224, 288), (224, 320), (192, 224)}
    assert plan_of(disks((288, 384))).preprocessing.scale is None
    tall, narrow = plan_of(disks((384, 288))).preprocessing.size
    assert (narrow, tall) == (height, width)


def cells(count=8):
    """Drawn cells in images too large to be seen whole."""
    samples = []
    for drawn in SyntheticObjects("cells", count):
        ids = drawn.annotation.instance
        copies = [np.where(ids, ids + i * ids.max(), 0) for i in range(9)]
        wide = np.block([copies[:3], copies[3:6], copies[6:]]).astype(np.int32)
        truth = Segmentation((wide > 0) * ONE, wide)
        samples.append(replace(drawn, image=np.tile(drawn.image, (3, 3, 1)), annotation=truth))
    return samples


def test_crowded_small_objects_get_their_own_scale_and_flows():
    samples = cells()
    task = InstanceTask.from_categories(SyntheticObjects("cells", 1).categories)
    plan = plan_of(samples, task=task)
    assert plan.preprocessing.scale == 1.0
    assert plan.task.code == "flow"
    assert plan.spec.detail > 0
    resnet = choose_spec("unet", "resnet", None, None)
    assert plan_of(samples, task=task, spec=resnet).spec.width < 1
    asked = plan_of(samples, task=task, code="center", spec=resnet, width=1.0)
    assert (asked.task.code, asked.spec.width) == ("center", 1.0)
    radius = np.sqrt(
        np.median(np.concatenate([np.bincount(s.annotation.instance.ravel())[1:] for s in samples]))
        / np.pi
    )
    assert plan.task.unit == pytest.approx(radius, abs=0.1)
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


def test_large_objects_are_seen_in_whole_images():
    samples = []
    for seed in range(8):
        ids = np.zeros((480, 640), np.int32)
        ids[100:300, 50 + seed : 250] = 1
        ids[150:350, 400:600] = 2
        samples.append(replace(one(ids > 0, seed), annotation=Segmentation((ids > 0) * ONE, ids)))
    task = InstanceTask.from_categories(TASK.categories)
    plan = plan_of(samples, task=task)
    assert plan.preprocessing.scale is None
    assert plan.task.code == "center"
    height = plan.preprocessing.frame((480, 640)).content[0]
    assert plan.task.unit == pytest.approx(height / 480 * 200 / np.sqrt(np.pi), rel=0.05)


def test_people_who_stand_are_not_turned_upside_down():
    people = SyntheticPeople(12)
    samples = [people[i] for i in range(12)]
    for kind, stride in ((PoseTask, 4), (BodyTask, 4)):
        task = kind.from_categories(people.categories, people.skeleton)
        plan = plan_of(samples, task=task)
        assert plan.spec.stride == stride
        assert plan.preprocessing.scale is None
        assert plan.augmentation.mirror_y == 0
        height, width = plan.preprocessing.frame((192, 256)).content
        side = np.sqrt(height * width)
        assert plan.task.unit == pytest.approx(pose_radius(samples) * side, abs=0.1)
        assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


def test_exposures_that_differ_are_leveled():
    samples = disks((96, 128), 12)
    assert not plan_of(samples).preprocessing.level
    dim = [replace(s, image=s.image // 6) if i % 2 else s for i, s in enumerate(samples)]
    plan = plan_of(dim)
    assert plan.preprocessing.level
    assert any(reason.startswith("Exposure:") for reason in plan.reasons)
    leveled = [plan.preprocessing.normalize(plan.preprocessing.leveled(s.image)) for s in dim]
    values = np.concatenate([x.ravel() for x in leveled])
    assert (values.min(), values.max()) == (-127 / 128, 1)


def test_less_time_never_makes_larger_images():
    areas = [
        np.prod(plan_of(disks((288, 384)), budget=budget).preprocessing.size)
        for budget in (30, 120, 600, 6000)
    ]
    assert areas == sorted(areas)
    assert areas[0] < areas[-1]


def test_a_larger_budget_buys_larger_images_and_more_of_them():
    speed = 1e6  # pixels a second, the smallest images in 33 seconds
    areas = []
    for budget in (33, 66, 131):
        request = PlanRequest(budget=float(budget))
        plan = make_plan(disks((480, 480)), 100, TASK, request, speed=speed)
        areas.append(np.prod(plan.preprocessing.size))
    assert areas == [128 * 128, 160 * 160, 192 * 192]
    seen = [speed * budget / area for budget, area in zip((33, 66, 131), areas, strict=True)]
    assert seen[0] < seen[1] < seen[2]


def test_a_slower_machine_takes_smaller_images():
    fast, slow = (
        make_plan(disks((288, 384)), 200, TASK, PlanRequest(budget=300.0), speed=speed)
        for speed in (2e6, 1e5)
    )
    assert np.prod(fast.preprocessing.size) > np.prod(slow.preprocessing.size)
    assert TorchEngine.speed(PLAN.spec, TASK.heads) > 1000


def test_more_images_in_the_same_time_are_smaller():
    few, many = (plan_of(disks((288, 384)), images=n).preprocessing.size for n in (50, 5000))
    assert np.prod(few) > np.prod(many)


def test_thin_vessels_keep_their_own_scale():
    plan = plan_of(vessels((584, 565)), images=16)
    assert plan.preprocessing.scale == 1.0
    assert plan.preprocessing.size == (256, 256)
    assert plan.spec.detail > 0
    assert any(line.startswith("Scale: the images' own pixels") for line in plan.reasons)


def test_small_images_are_not_blown_up_much():
    size = plan_of(disks((48, 64))).preprocessing.size
    assert np.prod(size) <= 3 * 48 * 64


def test_heads_above_bodies_have_an_up_and_a_down():
    upright = plan_of(people((96, 64))).augmentation
    assert upright.rotation < 45
    assert upright.mirror_y == 0
    assert upright.mirror_x == 0.5
    free = plan_of(disks((96, 64), 32)).augmentation
    assert free.rotation == 180
    assert free.mirror_y == 0.5
    assert common_uprightness(people((96, 64))) > 0.5
    assert common_uprightness(disks((96, 64), 32)) < 0.1
    assert common_uprightness(disks((96, 64), 8)) < 0.02  # chance alone would give 1 / 8
    assert common_uprightness(people((96, 64), 5)) == 0  # too few to say


def test_numbers_of_the_data():
    samples = [
        Sample(
            np.full((40, 40, 2), value, np.uint16), Segmentation(np.eye(40, dtype=np.uint8)), "a"
        )
        for value in (1000, 3000)
    ]
    found = plan_of(samples).preprocessing
    assert (found.channels, found.dtype) == (2, "uint16")
    assert found.mean == (2000, 2000)
    assert found.std == (2000, 2000)  # the contrast that photographs have
    assert plan_of(samples).spec.channels == 2


def test_photographs_are_normalized_as_the_encoder_knows_them():
    found = plan_of(disks((96, 128))).preprocessing
    assert (found.mean, found.std) == ((127,) * 3, (128,) * 3)
    dark = [replace(s, image=s.image // 8) for s in disks((96, 128))]
    pixels = np.concatenate([s.image.ravel() for s in dark])
    found = plan_of(dark).preprocessing
    assert found.mean == pytest.approx([pixels.mean()] * 3, rel=0.05)
    assert found.std == pytest.approx([2 * pixels.std()] * 3, rel=0.05)
    resnet = choose_spec("unet", "resnet", None, None)
    found = plan_of(disks((96, 128)), spec=resnet).preprocessing
    assert found.std == pytest.approx([58] * 3, rel=0.05)


def test_the_default_network_knows_photographs_and_keeps_what_it_knows():
    plan = plan_of(disks((96, 128)))
    assert (plan.spec.encoder, plan.spec.decoder_channels) == ("lite0", (64, 48, 32, 24, 16))
    assert (plan.learning_rate, plan.encoder_rate) == (4e-3, 0.1)
    assert (plan.frozen_levels, plan.fixed_statistics) == (2, True)
    gray = [replace(s, image=s.image[..., :1]) for s in disks((96, 128))]
    assert plan_of(gray).frozen_levels == 2
    many = [replace(s, image=np.dstack([s.image, s.image])) for s in disks((96, 128))]
    plan = plan_of(many)  # six channels must be told apart
    assert (plan.frozen_levels, plan.encoder_rate) == (0, 1.0)
    plan = plan_of(disks((96, 128)), spec=choose_spec("unet", "resnet", None, None))
    assert (plan.learning_rate, plan.encoder_rate) == (2e-3, 1.0)
    assert (plan.frozen_levels, plan.fixed_statistics) == (0, False)


def test_parts_of_an_encoder_have_their_own_rates():
    plan = replace(PLAN, start="lite0", encoder_rate=0.1, frozen_levels=2)
    frozen = ("encoder.stem.0.weight", "encoder.levels.1.0.expand.0.weight")
    learned = {
        "encoder.levels.2.0.expand.0.weight": 0.1,
        "encoder.detail.0.weight": 1.0,
        "decoder.stages.0.0.0.weight": 1.0,
    }
    assert all(plan.is_frozen(name) for name in frozen)
    assert {name: plan.factor(name) for name in learned} == learned
    assert not any(plan.is_frozen(name) for name in learned)
    assert not any(replace(plan, start="").is_frozen(name) for name in frozen)


def test_plans_without_these_rules_still_open():
    old = PLAN.to_dict()
    del old["frozen_levels"], old["fixed_statistics"]
    assert Plan.from_dict(old) == PLAN


def test_a_flat_image_does_not_divide_by_zero():
    flat = Sample(np.zeros((40, 40, 3), np.uint8), Segmentation(np.eye(40, dtype=np.uint8)), "a")
    assert min(plan_of([flat]).preprocessing.std) > 0


def test_faint_images_keep_their_numbers():
    rng = np.random.default_rng(0)
    faint = [
        Sample(
            rng.normal(3e-5, 1e-5, (40, 40, 1)).astype(np.float32),
            Segmentation(np.eye(40, dtype=np.uint8)),
            str(i),
        )
        for i in range(3)
    ]
    found = plan_of(faint).preprocessing
    assert found.mean[0] == pytest.approx(3e-5, rel=0.02)
    assert found.std[0] == pytest.approx(2e-5, rel=0.02)


def test_most_images_decide_on_channels():
    samples = [*disks((64, 64), 3), one(np.eye(64), 9, np.uint16, 1)]
    found = plan_of(samples[::-1]).preprocessing
    assert (found.channels, found.dtype) == (3, "uint8")


def test_wishes_are_respected():
    spec = NetworkSpec(encoder="resnet", width=0.25)
    plan = plan_of(
        disks((288, 384)),
        size=(96, 160),
        batch=3,
        precision="bfloat16",
        learning_rate=0.01,
        steps=77,
        spec=spec,
        seed=5,
        focal=2.0,
    )
    assert plan.preprocessing.size == (96, 160)
    assert plan.preprocessing.scale is None
    assert (plan.batch, plan.precision, plan.learning_rate) == (3, "bfloat16", 0.01)
    assert (plan.steps, plan.budget, plan.seed) == (77, None, 5)
    assert plan.spec == spec
    assert plan.loss.focal == 2
    native = plan_of(disks((288, 384)), scale=0.5).preprocessing
    assert native.scale == 0.5
    assert plan_of(disks((288, 384)), scale=0.5, size=(64, 64)).preprocessing.size == (64, 64)


def test_rare_categories_are_weighed_more_on_request():
    mask = np.zeros((64, 64))
    mask[:8] = 1
    mask[8:10] = 2
    samples = [one(mask, seed) for seed in range(3)]
    assert plan_of(samples, task=STREET).loss.category_weights is None
    weights = plan_of(samples, task=STREET, balance=True).loss.category_weights
    assert len(weights) == 4
    assert weights[0] < weights[1] < weights[2]


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"steps": 0}, "`steps` must be at least 1; got 0."),
        ({"batch": -1}, "`batch` must be at least 1; got -1."),
        ({"seed": -1}, "`seed` must be at least 0; got -1."),
        ({"focal": -0.5}, "`focal` must be at least 0; got -0.5."),
        ({"budget": 0}, "`budget` must be a number above 0; got 0."),
        ({"learning_rate": float("nan")}, "`learning_rate` must be a number above 0; got nan."),
        ({"scale": float("inf")}, "`scale` must be a number above 0; got inf."),
    ],
)
def test_wishes_that_cannot_be_are_sentences(wish, sentence):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the whole text follows
        PlanRequest(**wish)
    assert str(caught.value) == sentence


@pytest.fixture
def stopwatch(monkeypatch):
    """Set the seconds and the first loss of a step in each precision."""

    def set_to(**steps):
        monkeypatch.setattr(TorchEngine, "precisions", lambda _: list(steps))
        monkeypatch.setattr(TorchEngine, "try_steps", lambda _, name, *__: steps[name])

    return set_to


@pytest.fixture
def timed(tmp_path):
    run = tiny_training(tmp_path)

    def time_it(budget=100.0, spent=0.0, chosen=None, **changes):
        plan = replace(PLAN, budget=budget, **changes)
        batches = replace(run.batches, batch=plan.batch)
        return time_plan(plan, batches, run.engine, spent, PlanRequest(precision=chosen))

    return time_it


def test_the_budget_becomes_steps(stopwatch, timed):
    stopwatch(float32=(0.5, 1.0))
    assert timed(100).steps == pytest.approx(180, abs=1)
    assert timed(100, spent=40).steps == pytest.approx(100, abs=1)
    assert any(" of 2 images are planned, every" in line for line in timed(100).reasons)
    assert timed(None, steps=33).steps == 33


def test_the_faster_precision_that_is_right_is_taken(stopwatch, timed):
    stopwatch(float32=(0.5, 1.0), bfloat16=(0.2, 1.01))
    plan = timed()
    assert plan.precision == "bfloat16"
    assert any("float32 takes 2.5 times as long" in line for line in plan.reasons)
    stopwatch(float32=(0.2, 1.0), bfloat16=(0.5, 1.0))
    assert timed().precision == "float32"
    stopwatch(float32=(0.5, 1.0), bfloat16=(0.2, 1.3))  # fast, but wrong
    assert timed().precision == "float32"
    stopwatch(float32=(0.5, 1.0), bfloat16=(0.2, float("nan")))
    assert timed().precision == "float32"
    stopwatch(float32=(0.5, float("nan")), bfloat16=(0.2, float("nan")))  # the loop will say so
    assert timed().steps > 0


def test_a_chosen_precision_is_taken(stopwatch, timed):
    stopwatch(float32=(0.2, 1.0), bfloat16=(0.5, 1.0))
    plan = timed(chosen="bfloat16")
    assert plan.precision == "bfloat16"
    assert plan.steps == pytest.approx(180, abs=1)


@pytest.mark.parametrize("spent", [0.0, 3.0, 400.0])
def test_a_budget_too_short_is_a_sentence_that_helps(stopwatch, timed, spent):
    stopwatch(float32=(2.0, 1.0))
    with pytest.raises(BudgetError, match=r"at least 3 steps; a step of 2 images") as caught:
        timed(spent + 5, spent=spent)
    words = str(caught.value).split()
    assert f"{spent:.0f} s of {spent + 5:.0f} s are gone" in str(caught.value)
    advice = float(words[words.index("least", words.index("Give")) + 1])
    assert timed(advice, spent=spent).steps >= 10
    assert caught.value.needed == advice


def test_a_batch_becomes_smaller_before_a_budget_is_refused(stopwatch, timed):
    stopwatch(float32=(2.0, 1.0))
    plan = timed(100, batch=8)  # 45 steps of 8 images would be too few
    assert (plan.batch, plan.steps) == (4, pytest.approx(90, abs=1))
    assert "Batch: 4 instead of 8 images, to have more steps in time." in plan.reasons
    stopwatch(float32=(20.0, 1.0))
    plan = timed(100, batch=8)
    assert (plan.batch, plan.steps) == (2, pytest.approx(18, abs=1))


def test_trial_steps_have_a_share_of_the_budget(monkeypatch, tmp_path):
    run, second, limits = tiny_training(tmp_path), [0.0], []

    def try_steps(_, name, _plan, _batches, seconds):
        second[0] += 8.0  # more than it may
        limits.append((name, seconds))
        return 0.5, 1.0

    monkeypatch.setattr(TorchEngine, "precisions", lambda _: ["float32", "bfloat16"])
    monkeypatch.setattr(TorchEngine, "try_steps", try_steps)
    plan = replace(PLAN, budget=100.0)
    plan = time_plan(plan, run.batches, run.engine, 10.0, now=lambda: second[0])
    assert limits == [("float32", 5.0)]
    assert plan.precision == "float32"
    assert plan.steps == (90 - 18) / 0.5


def test_a_budget_is_refused_only_after_a_second_look(monkeypatch, timed):
    """The first steps of a process may be slow."""
    times = iter([(30.0, 1.0), (2.0, 1.0)])
    monkeypatch.setattr(TorchEngine, "precisions", lambda _: ["float32"])
    monkeypatch.setattr(TorchEngine, "try_steps", lambda *_: next(times))
    assert timed(100).steps == pytest.approx(45, abs=1)


@pytest.mark.parametrize("start", ["none", "default"])
def test_a_machine_fifty_times_slower_gets_a_smaller_plan(start):
    """Images first, then the batch, then the network, unless it has starting weights."""
    areas, batches, widths = [], [], []
    for slower in (1, 5, 10, 50):
        request = PlanRequest(budget=100.0, spec=choose_spec("unet", "resnet", None, None))
        speed = USUAL_SPEED / slower
        plan = make_plan(disks((288, 384)), 168, TASK, request, start, speed, 5.0)
        areas.append(int(np.prod(plan.preprocessing.size)))
        batches.append(plan.batch)
        widths.append(plan.spec.width)
    assert areas == sorted(areas, reverse=True)
    assert areas[0] > areas[1]
    assert areas[-1] == 96 * 128
    assert batches == [8, 8, 4, 2]
    assert widths == [1.0, 1.0, 1.0, 0.5 if start == "none" else 1.0]


def test_the_average_follows_the_length_of_the_training(stopwatch, timed):
    stopwatch(float32=(1.0, 1.0))
    short, middle, long = (timed(seconds).ema for seconds in (20, 1000, 100000))
    assert short == 0.9
    assert middle == pytest.approx(np.exp(-1 / (0.03 * 900)), rel=1e-3)
    assert long == 0.999


def test_timing_changes_neither_network_nor_batches(tmp_path):
    run = tiny_training(tmp_path)
    before = run.engine.arrays()
    plan = replace(PLAN, budget=60.0)
    plan = time_plan(plan, run.batches, run.engine, 0.0, PlanRequest(precision="float32"))
    assert plan.steps >= 10
    assert same(before, run.engine.arrays())
    assert run.engine.network.training
    assert np.array_equal(run.batches.samples[0].image, sample(0).image)
