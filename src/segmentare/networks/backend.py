"""Training steps in PyTorch, on Lightning Fabric, which brings precision, devices and processes."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segmentare.models.architecture import NetworkSpec
from segmentare.models.checkpoint import Arrays
from segmentare.networks.backbone import backbone_weights
from segmentare.networks.inference import from_arrays, fuse, maps_function, to_arrays
from segmentare.networks.layers import channels_last
from segmentare.networks.losses import total_loss
from segmentare.networks.network import Network, build_network
from segmentare.networks.processes import is_shared, make_fabric
from segmentare.networks.weights import load_encoder_weights
from segmentare.tasks.base import Head
from segmentare.training import timing as trials
from segmentare.training.backend import MapsFunction
from segmentare.training.batches import Batch, Batches
from segmentare.training.plan import Plan
from segmentare.training.start import started
from segmentare.training.state import under

Loaded = tuple[Tensor, dict[str, Tensor]]


class TorchEngine:
    """The `Engine` in PyTorch.

    Args:
        spec: What to build.
        heads: The task's heads.
        seed: Of the fresh weights.
    """

    def __init__(self, spec: NetworkSpec, heads: tuple[Head, ...], seed: int) -> None:
        torch.manual_seed(seed)
        self.spec = spec
        self.network: Network = channels_last(build_network(spec, heads))
        self._heads = heads

    @staticmethod
    def speed(spec: NetworkSpec, heads: tuple[Head, ...], seconds: float = math.inf) -> float:
        """Return pixels a second; takes about a second on two cores.

        Random images do, for the time does not depend on them.
        """
        device = _device()
        network = channels_last(build_network(spec, heads)).to(device).train()

        def once(count: int, side: int) -> None:
            images = torch.randn(count, side, side, spec.channels, device=device)
            with torch.autocast(device, torch.bfloat16, enabled="bfloat16" in precisions()):
                outputs = network(images.permute(0, 3, 1, 2))
            total = torch.stack([maps.float().mean() for maps in outputs.values()]).sum()
            total.backward()  # type: ignore[no-untyped-call]
            total.item()

        return trials.pixels_a_second(once, seconds)

    def device(self) -> str:
        """Return the name of the GPU, or the number of cores."""
        return torch.cuda.get_device_name() if torch.cuda.is_available() else trials.cores()

    def precisions(self) -> list[str]:
        """Return `float32`, and `bfloat16` where it is no emulation."""
        return precisions()

    def try_steps(
        self, precision: str, plan: Plan, batches: Batches, seconds: float = math.inf
    ) -> tuple[float, float]:
        """Time a few steps of a copy."""
        device = _device()
        trial = learning(copy.deepcopy(self.network).to(device), plan)
        optimizer = torch.optim.AdamW((p for p in trial.parameters() if p.requires_grad), lr=1e-4)

        def once(number: int, images: int) -> float:
            arrays, encoded = replace(batches, batch=images)[number]
            inputs = to_tensor(arrays, channels_last=True).to(device)
            targets = {key: torch.from_numpy(target).to(device) for key, target in encoded.items()}
            with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
                outputs = trial(inputs)
            loss = total_loss(outputs, targets, self._heads, plan.loss)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            return loss.item()

        return trials.seconds_a_step(once, batches.batch, seconds)

    def start_from(self, start: str) -> tuple[str, str]:
        """Copy starting weights; a Hugging Face encoder's default are its own pretrained ones."""
        if start == "default" and self.spec.encoder == "hf":
            source = str((self.spec.backbone or {})["source"])
            used = load_encoder_weights(self.network, backbone_weights(source))
            return source, f"Start: {used} arrays of the pretrained encoder {Path(source).name!r}."
        arrays, name, line = started(to_arrays(self.network), self.spec, start)
        from_arrays(self.network, arrays)
        return name, line

    def begin(self, plan: Plan) -> None:
        """Set Fabric, the optimizer and the average up."""
        self._plan = plan
        self._fabric = make_fabric(
            "bf16-mixed" if plan.precision == "bfloat16" else "32-true",
            unused=plan.spec.encoder == "hf",
        )
        self._fabric.launch()
        # Now, for average and optimizer follow the tensors that are there when they are made.
        self._fabric.to_device(self.network)
        self._average = copy.deepcopy(self.network).eval().requires_grad_(requires_grad=False)
        learning(self.network, plan)
        self._optimizer = _optimizer(self.network, plan)
        self._ema = Ema(self.network)
        if is_shared() and self._fabric.device.type == "cuda":  # in place; there is none for CPUs
            nn.SyncBatchNorm.convert_sync_batchnorm(self.network)  # type: ignore[no-untyped-call]
        self._wrapped, self._stepper = self._fabric.setup(self.network, self._optimizer)
        self._wrapped.train()
        learning(self.network, plan)  # some parts of it are not trained

    def load(self, batch: Batch) -> Loaded:
        """Make tensors of the arrays, without a copy where there is no GPU."""
        images = to_tensor(batch[0], channels_last=self._plan.channels_last)
        targets = {name: torch.from_numpy(target) for name, target in batch[1].items()}
        moved: Loaded = self._fabric.to_device((images, targets))
        return moved

    def step(self, loaded: Loaded, rate: float) -> Tensor:
        """Go forward, backward, and down."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        images, targets = loaded
        loss = total_loss(self._wrapped(images), targets, self._heads, self._plan.loss)
        self._stepper.zero_grad()
        self._fabric.backward(loss)
        self._stepper.step()
        return loss.detach()

    def average(self, decay: float) -> None:
        """Move the average in one fused pass."""
        self._ema.update(decay)

    def mean(self, losses: Sequence[Tensor]) -> float:
        """Return the mean loss."""
        return float(torch.stack(list(losses)).mean())

    def arrays(self) -> Arrays:
        """Return a copy of the live weights."""
        return _numpy(self.network.state_dict())

    def averaged(self) -> Arrays:
        """Return a copy of the averaged weights; counters are the live network's."""
        return _numpy({**self.network.state_dict(), **self._ema.tensors()})

    def maps_of(self, arrays: Arrays, *, exact: bool = False) -> MapsFunction:
        """Return the function of a second network with these weights."""
        from_arrays(self._average, arrays)
        if exact:
            return maps_function(fuse(self._average).cpu(), self._heads)
        device = str(next(self._average.parameters()).device)
        bfloat16 = self._plan.precision == "bfloat16"
        return maps_function(self._average, self._heads, bfloat16=bfloat16, device=device)

    def state(self) -> Arrays:
        """Return weights, average, and AdamW's `exp_avg`, `exp_avg_sq` and `step` by number."""
        named: dict[str, Tensor] = {}
        named |= {f"network.{name}": t for name, t in self.network.state_dict().items()}
        named |= {f"ema.{name}": t for name, t in self._ema.tensors().items()}
        for number, values in self._optimizer.state_dict()["state"].items():
            for key, value in values.items():
                named[f"optimizer.{number}.{key}"] = torch.as_tensor(value)
        return _numpy(named)

    def restore(self, state: Arrays) -> None:
        """Put the state back, in place."""
        from_arrays(self.network, under("network.", state))
        self._ema.load({n: torch.from_numpy(a) for n, a in under("ema.", state).items()})
        numbered: dict[int, dict[str, Tensor]] = {}
        for name, array in under("optimizer.", state).items():
            number, key = name.split(".", 1)
            numbered.setdefault(int(number), {})[key] = torch.from_numpy(array)
        # AdamW runs over memory as it lies, so its moments must lie as the weights do.
        weights = [w for group in self._optimizer.param_groups for w in group["params"]]
        for place, values in numbered.items():
            for key in ("exp_avg", "exp_avg_sq"):
                values[key] = torch.empty_like(weights[place]).copy_(values[key])
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": numbered, "param_groups": groups})


def learning(network: Network, plan: Plan) -> Network:
    """Let a network learn what the plan lets it learn; returns it, changed in place."""
    network.train()
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not plan.is_frozen(name))
    for name, layer in network.named_modules():
        fixed = plan.fixed_statistics and plan.is_started(f"{name}.")
        if fixed and isinstance(layer, nn.BatchNorm2d):
            layer.eval()
    return network


class Ema:
    """An exponential moving average of a network's weights and of its running statistics."""

    def __init__(self, network: nn.Module) -> None:
        self._live = [t for t in network.state_dict().values() if t.is_floating_point()]
        self._names = [n for n, t in network.state_dict().items() if t.is_floating_point()]
        self._average = [t.detach().clone() for t in self._live]

    @torch.no_grad()
    def update(self, decay: float) -> None:
        """Move the average toward the live weights."""
        torch._foreach_lerp_(self._average, self._live, 1 - decay)  # one fused pass

    def tensors(self) -> dict[str, Tensor]:
        """Return the averaged tensors by the network's names."""
        return dict(zip(self._names, self._average, strict=True))

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over the averaged tensors of an earlier run."""
        for name, tensor in zip(self._names, self._average, strict=True):
            tensor.copy_(tensors[name])


def precisions() -> list[str]:
    """Return what is worth timing: bfloat16 only where it is no emulation."""
    if torch.cuda.is_available():
        return ["float32", "bfloat16"] if torch.cuda.is_bf16_supported() else ["float32"]
    return ["float32", "bfloat16"] if trials.computes_bfloat16() else ["float32"]


def to_tensor(images: NDArray[Any], *, channels_last: bool) -> Tensor:
    """Return (N, H, W, C) images as an (N, C, H, W) tensor; channels_last costs no copy."""
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2)
    return tensor if channels_last else tensor.contiguous()


def _optimizer(network: Network, plan: Plan) -> torch.optim.Optimizer:
    """Return AdamW: no decay on norms and biases, a lower rate for a pretrained encoder."""
    groups: dict[tuple[bool, bool, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            started = name.startswith("encoder.") and bool(plan.start)
            key = (parameter.ndim > 1, started, plan.factor(name))
            groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "weight_decay": plan.weight_decay if decays else 0.0,
                "factor": factor,
            }
            for (decays, _, factor), parameters in groups.items()
        ],
        lr=plan.learning_rate,
        fused=True,
    )


def _numpy(tensors: Mapping[str, Tensor]) -> Arrays:
    return {name: np.array(t.detach().cpu().numpy(), order="C") for name, t in tensors.items()}


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"
