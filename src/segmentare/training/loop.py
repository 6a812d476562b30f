"""The training loop: visible from top to bottom, on Lightning Fabric.

Fabric brings precision, devices and processes; everything else happens in `Training.run`, which
yields an event per step and per validation and leaves the display to whoever asked.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from segmentare.batches import Batches
from segmentare.checkpoint import Arrays
from segmentare.errors import ModelError
from segmentare.networks.network import Network
from segmentare.training.losses import total_loss
from segmentare.training.plan import Plan
from segmentare.training.processes import Processes
from segmentare.training.state import Ema, load_state, save_state

BEST = "best.safetensors"  #: the best weights so far, beside the state

_DIVERGED = "{}; at step {} {}. Train with a lower --learning-rate, or with --precision float32."
_RESERVE = 0.97  # share of the budget that the steps may fill; the rest is for tuning and saving
_SAVE_EVERY = 60.0  # seconds of work, at most a little more, that a killed run loses
_LOG_EVERY = 10  # steps between two looks at the loss, each of which waits for the device


@dataclass(frozen=True)
class Step:
    """One line of the log.

    Attributes:
        step: Number of steps done.
        steps: Number of steps that there will be.
        seconds: Seconds since the training began, over all its sessions.
        loss: Mean loss since the line before.
        learning_rate: At this step.
        score: Headline score on the validation part, where this step was validated.
        best: True where that score is the best so far.
    """

    step: int
    steps: int
    seconds: float
    loss: float
    learning_rate: float
    score: float | None = None
    best: bool = False


@dataclass
class Training:
    """One training from its plan to its best weights.

    Attributes:
        plan: Every number.
        network: Trained in place.
        batches: Where the data comes from.
        validate: Scores the network it is given (the averaged weights); larger is better. `None`
            where there is no validation part: then the last weights are the best.
        folder: Where the state is saved, so that a killed run can go on.
        spent: Seconds of the budget that were used before `run` is called.
        stop: Set it to true and the loop ends after the step at hand, as if it were the last.
        processes: Who else trains this network; every one of them must call `run`.
    """

    plan: Plan
    network: Network
    batches: Batches
    validate: Callable[[nn.Module], float] | None
    folder: Path
    spent: float = 0.0
    stop: bool = False
    processes: Processes = field(default_factory=Processes)
    best_score: float = -math.inf
    best: Arrays = field(default_factory=dict)
    _judged: int = 0  # validations done
    _ends: bool = False  # `stop` as all processes know it
    step: int = 0  #: steps done, over all sessions of a run
    clock: dict[str, float] = field(
        default_factory=lambda: defaultdict(float)
    )  #: seconds spent on data, step, ...

    def run(self, *, resume: bool = False) -> Iterator[Step]:
        """Train; yields every few steps and after every validation.

        Args:
            resume: Go on from the state in `folder`.

        Raises:
            ModelError: The loss is no longer a number, or the state does not fit.
        """
        fabric = self._fabric()
        average = _copy(self.network)
        optimizer = self._optimizer()
        ema = Ema(self.network, self.plan.ema)
        facts: dict[str, Any] = {
            "step": 0,
            "steps": self.plan.steps,
            "seconds": self.spent,
            "best": None,
        }
        if resume:
            facts = load_state(self.folder, self.network, optimizer, ema)
            self._recall(facts)
            self._judged = int(facts["judged"])
        wrapped, wrapped_optimizer = fabric.setup(self.processes.join(self.network), optimizer)
        step, steps = int(facts["step"]), int(facts["steps"])
        began, losses = time.perf_counter() - float(facts["seconds"]), []
        pace_from, saved = (step, time.perf_counter()), time.perf_counter()
        while step < steps and not self._agree():
            rate = self._set_rate(wrapped_optimizer, step / steps)
            with self._timed("data"):
                images, targets = self._batch(fabric, step)
            with self._timed("step"):
                loss = self._loss(wrapped(images), targets)
                wrapped_optimizer.zero_grad()
                fabric.backward(loss)
                wrapped_optimizer.step()
            self.step = step = step + 1
            with self._timed("average"):
                ema.update(step)
            losses.append(loss.detach())
            self._agree()
            if step % _LOG_EVERY and step < steps and not self._due(step, steps):
                continue
            mean = self._mean(losses, step)
            seconds = time.perf_counter() - began
            if not self._due(step, steps):
                yield Step(step, steps, seconds, mean, rate)
                continue
            with self._timed("validation"):
                average.load_state_dict({**self.network.state_dict(), **ema.tensors()})
                score, better = self._judge(average, step)
            seconds = time.perf_counter() - began
            if self.plan.budget is not None and step < steps and not self._ends:
                steps = self._replan(step, steps, seconds, pace_from)
            facts = {
                "step": step,
                "steps": steps,
                "seconds": seconds,
                "best": self.best_score,
                "judged": self._judged,
            }
            if self.plan.budget is None or time.perf_counter() - saved > _SAVE_EVERY:
                with self._timed("saving"):
                    self._save(fabric, optimizer, ema, facts)
                saved = time.perf_counter()
            yield Step(step, steps, seconds, mean, rate, score, better)
        if not self.best:  # stopped between two steps, before anything was validated
            average.load_state_dict({**self.network.state_dict(), **ema.tensors()})
            self._judge(average, step)

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        """Add what happens inside to the clock, so that a benchmark can see where time goes."""
        began = time.perf_counter()
        yield
        self.clock[what] += time.perf_counter() - began

    def _fabric(self) -> Fabric:
        precision: Any = "bf16-mixed" if self.plan.precision == "bfloat16" else "32-true"
        fabric = self.processes.fabric(precision, unused=self.plan.spec.encoder == "hf")
        fabric.launch()
        fabric.to_device(self.network)  # now, for the average follows the tensors that are there
        return fabric

    def _loss(self, outputs: dict[str, Tensor], targets: dict[str, Tensor]) -> Tensor:
        heads = self.batches.task.heads
        return total_loss(outputs, targets, heads, self.plan.loss, self.processes.joint)

    def _agree(self) -> bool:
        """Tell whether any process was told to stop."""
        self._ends = self.processes.any(self.stop)
        return self._ends

    def _optimizer(self) -> torch.optim.Optimizer:
        """Return AdamW: no decay on norms and biases, a lower rate for a pretrained encoder."""
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        for name, parameter in self.network.named_parameters():
            key = (parameter.ndim > 1, name.startswith("encoder.") and bool(self.plan.start))
            groups.setdefault(key, []).append(parameter)
        return torch.optim.AdamW(
            [
                {
                    "params": parameters,
                    "weight_decay": self.plan.weight_decay if decays else 0.0,
                    "factor": self.plan.encoder_rate if started else 1.0,
                }
                for (decays, started), parameters in groups.items()
            ],
            lr=self.plan.learning_rate,
            foreach=True,
        )

    def _set_rate(self, optimizer: Any, progress: float) -> float:  # noqa: ANN401  Fabric's proxy
        rate = self.plan.rate(progress)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        return rate

    def _batch(self, fabric: Fabric, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        arrays, encoded = self.processes.part(self.batches, step)
        images = to_tensor(arrays, channels_last=self.plan.channels_last)
        targets = {name: torch.from_numpy(target) for name, target in encoded.items()}
        moved: tuple[Tensor, dict[str, Tensor]] = fabric.to_device((images, targets))
        return moved

    def _mean(self, losses: list[Tensor], step: int) -> float:
        mean = self.processes.mean(float(torch.stack(losses).mean()))
        losses.clear()
        if not math.isfinite(mean):
            raise ModelError(_DIVERGED.format("The loss must stay a number", step, f"it is {mean}"))
        return mean

    def _due(self, step: int, steps: int) -> bool:
        """Tell whether to validate after this step: evenly spread, and at the end."""
        if step >= steps or self._ends:
            return True
        return step / steps >= (self._judged + 1) / self.plan.validations

    def _judge(self, average: nn.Module, step: int) -> tuple[float | None, bool]:
        if not all(t.isfinite().all() for t in average.state_dict().values()):
            text = _DIVERGED.format("The weights must stay numbers", step, "they are not")
            raise ModelError(text)
        self._judged += 1
        validate = self.validate
        score = None if validate is None else self.processes.decide(lambda: validate(average))
        better = score is None or score > self.best_score
        if better:
            self.best_score = -math.inf if score is None else score
            self.best = {
                n: t.detach().cpu().numpy().copy() for n, t in average.state_dict().items()
            }
        return score, better

    def _replan(self, step: int, steps: int, seconds: float, pace: tuple[int, float]) -> int:
        """Correct the number of steps to what the machine really does in the time left."""
        per_step = (time.perf_counter() - pace[1]) / max(step - pace[0], 1)
        left = float(self.plan.budget or 0) * _RESERVE - seconds
        possible = self.processes.decide(lambda: step + max(int(left / per_step), 0))
        if abs(possible - steps) > 0.02 * steps:
            steps = possible
        # Validations that a shorter plan jumped over are not made up for.
        self._judged = max(self._judged, int(self.plan.validations * step / steps))
        return steps

    def _save(
        self, fabric: Fabric, optimizer: torch.optim.Optimizer, ema: Ema, facts: dict[str, Any]
    ) -> None:
        if fabric.is_global_zero:
            from segmentare.checkpoint import write_bytes

            # First, for a state may be older than the best weights, but never know of better ones.
            if self.best:
                from safetensors.numpy import save

                write_bytes(self.folder / BEST, save(self.best))
            save_state(self.folder, self.network, optimizer, ema, facts)

    def _recall(self, facts: dict[str, Any]) -> None:
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            self.best = load((self.folder / BEST).read_bytes())
        except (OSError, SafetensorError) as error:
            raise ModelError(
                f"To resume, {str(self.folder)!r} must hold {BEST}; it cannot be read ({error}). "
                "Train anew."
            ) from error
        self.best_score = -math.inf if facts["best"] is None else float(facts["best"])


def to_tensor(images: NDArray[Any], *, channels_last: bool) -> Tensor:
    """Return (N, H, W, C) images as an (N, C, H, W) tensor; channels_last costs no copy."""
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2)
    return tensor if channels_last else tensor.contiguous()


def _copy(network: Network) -> nn.Module:
    import copy

    return copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
