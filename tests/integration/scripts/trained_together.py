"""One of several processes that train the same learners; the leading one writes what came of it.

Argument: the file to write; the others put ``.other`` behind its name.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from kshot.config import Loading, Train
from kshot.episode import Inputs
from kshot.interfaces import Encoder, Learner
from kshot.learners.maml import MAML
from kshot.learners.meta_lstm import MetaLSTM
from kshot.learners.prototypical import Prototypical
from kshot.learners.siamese import Siamese
from kshot.loading import make_loader
from kshot.sampling import Sampler
from kshot.shapes import Shape
from kshot.testing import Toy, toy_encoder
from kshot.training import Checkpoint, Processes, Training, join_processes, train
from safetensors.torch import save_file

SHAPE = Shape(5, 1, 3)


class Noisy(Encoder):
    """The toy's encoder with its batch norm in double precision, noise, and a part that no loss reaches."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = toy_encoder().double()
        self.modality, self.dim = self.inner.modality, self.inner.dim
        self.idle = torch.nn.Linear(3, 3).double()

    def prepare(self, raw: Sequence) -> Inputs:
        return self.inner.prepare(raw)

    def forward(self, inputs: Inputs) -> torch.Tensor:
        return self.inner({"values": inputs["values"].double()})

    @property
    def augments(self) -> bool:
        return True

    def augment(self, inputs: Inputs, generator: torch.Generator) -> Inputs:
        values = inputs["values"]
        return {"values": values + 0.1 * torch.randn(values.shape, generator=generator)}


def learners(encoder: Encoder) -> dict[str, Learner]:
    return {
        "prototypical": Prototypical(encoder, learn_scale=True),
        "maml": MAML(encoder, way=5, inner_steps=2, multi_step_episodes=8),
        "maml-head": MAML(encoder, way=5, adapt="head", strategy="loop"),
        "meta_lstm": MetaLSTM(encoder, way=5, inner_steps=2),
        "siamese": Siamese(encoder, pairs=16),
    }


def fit(
    name: str, episodes: int, meta_batch: int, processes: Processes, checkpoint: Checkpoint | None = None
) -> tuple[Learner, Training]:
    torch.manual_seed(0)
    encoder = Noisy()
    learner = learners(encoder)[name].double()
    learner.batch_statistics = "frozen"  # inner loops, too, then update running statistics
    source = Toy(classes=30)
    catalogue = source.catalogue("train")
    loader = make_loader(source, catalogue, encoder, torch.device("cpu"), Loading())
    options = Train(
        episodes=episodes, meta_batch=meta_batch, learning_rate=0.01, optimizer="adamw", weight_decay=0.1, clip=1.0,
        validations=episodes,
    )  # fmt: skip
    sampler = Sampler(catalogue, "train", SHAPE, 0)
    return learner, train(
        learner, loader, sampler, options, validate=lambda _: None, processes=processes, checkpoint=checkpoint
    )


def everything(processes: Processes, folder: Path) -> dict[str, torch.Tensor]:
    """Weights, buffers and losses of every learner; the last batch is odd, or each is of one episode."""
    torch.set_num_threads(1)
    kept: dict[str, torch.Tensor] = {}
    for name in learners(Noisy()):
        for episodes, meta_batch in ((23, 5), (3, 1)):
            learner, training = fit(name, episodes, meta_batch, processes)
            key = f"{name}/{meta_batch}"
            kept |= {f"{key}/{path}": value.clone() for path, value in learner.state_dict().items()}
            kept[f"{key}/losses"] = torch.tensor([point.loss for point in training.curve])
    # Stopped after two batches, and taken up from the checkpoint that all processes read.
    checkpoint = Checkpoint(folder / "checkpoint", "key")
    fit("siamese", 10, 5, processes, checkpoint)
    learner, _ = fit("siamese", 23, 5, processes, checkpoint)
    return kept | {f"resumed/5/{path}": value.clone() for path, value in learner.state_dict().items()}


if __name__ == "__main__":
    group, _ = join_processes(torch.device("cpu"))
    file = Path(sys.argv[1])
    save_file(everything(group, file.parent), file if group.leads else file.with_name(file.name + ".other"))
    group.close()
