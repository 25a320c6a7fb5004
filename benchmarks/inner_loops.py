"""Loop or vmap: how long a MAML step takes under each, for the shipped encoders and this machine.

    python benchmarks/inner_loops.py [--threads N] [--device cuda]

Runs alternate between the strategies and medians are printed, in milliseconds per step of four
5-way 1-shot episodes. ``kshot/functional/strategy.py`` holds what follows from it.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable

import torch
from kshot.episode import Episodes
from kshot.interfaces import Encoder
from kshot.learners.maml import MAML
from kshot.testing import toy_encoder
from kshot_audio.encoders.dvector import DVector
from kshot_image.encoders.conv4 import conv4
from kshot_text.encoders.mini_transformer import mini_transformer
from torch import Tensor

EPISODES, WAY, SHOT, QUERIES, REPEATS = 4, 5, 1, 5, 7

Inputs = Callable[[int], dict[str, Tensor]]


def pictures(count: int) -> dict[str, Tensor]:
    return {"pixel_values": torch.rand(count, 1, 28, 28)}


def recordings(count: int) -> dict[str, Tensor]:
    return {
        "input_features": torch.randn(count, 150, 40),
        "attention_mask": torch.ones(count, 150, dtype=torch.int64),
    }


def texts(count: int) -> dict[str, Tensor]:
    return {
        "input_ids": torch.randint(5, 500, (count, 16)),
        "attention_mask": torch.ones(count, 16, dtype=torch.int64),
    }


def transformer(**options: int) -> Encoder:
    encoder = mini_transformer(**options)
    encoder.idf.fill_(1.0)  # as if it had been fitted
    return encoder


CASES: dict[str, tuple[Callable[[], Encoder], Inputs]] = {
    "perceptron": (toy_encoder, lambda count: {"values": torch.randn(count, 16)}),
    "conv4, 32 filters": (lambda: conv4(width=32), pictures),
    "conv4, 64 filters": (conv4, pictures),
    "dvector, width 32": (lambda: DVector(width=32, dim=32), recordings),
    "dvector": (DVector, recordings),
    "mini_transformer, small": (
        lambda: transformer(vocabulary=500, dim=64, hidden=32, layers=1),
        texts,
    ),
    "mini_transformer": (transformer, texts),
}


def episodes(make: Inputs, device: torch.device) -> Episodes:
    """Four episodes of random examples."""
    inputs = {name: leaf.to(device) for name, leaf in make(EPISODES * WAY * (SHOT + QUERIES)).items()}
    count = EPISODES * WAY * SHOT
    support = {name: leaf[:count].unflatten(0, (EPISODES, -1)) for name, leaf in inputs.items()}
    query = {name: leaf[count:].unflatten(0, (EPISODES, -1)) for name, leaf in inputs.items()}
    labels = torch.arange(WAY, device=device)
    return Episodes.of(
        support,
        labels.repeat_interleave(SHOT).expand(EPISODES, -1),
        query,
        labels.repeat_interleave(QUERIES).expand(EPISODES, -1),
    )


def seconds(learner: MAML, batch: Episodes, device: torch.device) -> float:
    """One step, forward and backward."""
    started = time.perf_counter()
    learner.loss(batch).backward()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def main() -> None:
    """Print a table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments.add_argument("--device", default="cpu")
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    print(f"{'encoder':26}{'steps':>6}{'order':>6}{'loop':>9}{'vmap':>9}")
    for name, (build, make) in CASES.items():
        encoder, batch = build(), episodes(make, device)
        for steps, order in ((1, 2), (3, 2), (3, 1)):
            learners = {
                strategy: MAML(
                    copy.deepcopy(encoder), way=WAY, inner_steps=steps, order=order, strategy=strategy
                ).to(device)
                for strategy in ("loop", "vmap")
            }
            taken: dict[str, list[float]] = {strategy: [] for strategy in learners}
            for _ in range(REPEATS + 1):
                for strategy, learner in learners.items():
                    taken[strategy].append(seconds(learner, batch, device))
            loop, vmap = (1000 * statistics.median(times[1:]) for times in taken.values())
            print(f"{name:26}{steps:6}{order:6}{loop:9.0f}{vmap:9.0f}", flush=True)


if __name__ == "__main__":
    main()
