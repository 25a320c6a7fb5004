"""kshot at the work, through what its users call: ``train``, ``evaluate``, a learner in a loop of one's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import kshot.shapes
import torch
from kshot.config import Train
from kshot.encoders import Embedded
from kshot.encoders.embedded import EMBEDDING
from kshot.evaluation import evaluate
from kshot.interfaces import Encoder, Learner
from kshot.learners.maml import MAML
from kshot.learners.matching import Matching
from kshot.learners.meta_lstm import MetaLSTM
from kshot.learners.prototypical import Prototypical
from kshot.learners.siamese import Siamese
from kshot.loading import ResidentLoader
from kshot.sampling import Catalogue, Sampler
from kshot.training import train
from kshot_audio.encoders.dvector import DVector
from kshot_image.encoders.conv4 import conv4
from kshot_text.encoders.mini_transformer import mini_transformer
from torch import Tensor
from work import (
    EACH,
    FIVE_FIVE,
    FIVE_ONE,
    INNER_RATE,
    LEARNING_RATE,
    META_BATCH,
    TEST_CLASSES,
    TEXT_DIM,
    TWENTY_FIVE,
    Shape,
    embeddings,
    pictures,
)

Run = Callable[[int], None]
CPU = torch.device("cpu")


def catalogue(classes: int, each: int) -> Catalogue:
    """``classes`` × ``each`` examples, class by class."""
    names = [f"{number:05d}" for number in range(classes)]
    labels = [name for name in names for _ in range(each)]
    keys = [f"{number:05d}" for number in range(each)] * classes
    return Catalogue.build(labels, keys, version="1")


def resident(inputs: dict[str, Tensor]) -> ResidentLoader:
    """A loader of inputs with leaves (classes, each, …)."""
    first = next(iter(inputs.values()))
    flat = {name: leaf.flatten(0, 1) for name, leaf in inputs.items()}
    return ResidentLoader(catalogue(*first.shape[:2]), flat, CPU)


def sampler(loader: ResidentLoader, shape: Shape, split: str) -> Sampler:
    """Episodes of a shape."""
    return Sampler(loader.catalogue, split, kshot.shapes.Shape(shape.way, shape.shot, shape.queries), 0)


def training(
    learner: Learner, inputs: dict[str, Tensor], shape: Shape, meta_batch: int = 1, half: bool = False
) -> Run:
    """Steps of ``train``; a unit is a step."""
    loader = resident(inputs)
    episodes = sampler(loader, shape, "train")

    def run(count: int) -> None:
        options = Train(
            way=shape.way,
            shot=shape.shot,
            queries=shape.queries,
            episodes=count * meta_batch,
            meta_batch=meta_batch,
            learning_rate=LEARNING_RATE,
            precision="bfloat16" if half else "float32",
        )
        train(learner, loader, episodes, options)

    return run


def evaluation_by_episode(shape: Shape) -> Run:
    """A learner asked episode by episode, eight at a time."""
    loader, learner = resident({"pixel_values": pictures(TEST_CLASSES)}), Prototypical(conv4()).eval()
    episodes = sampler(loader, shape, "test")

    @torch.inference_mode()
    def run(count: int) -> None:
        scores = [
            (learner.adapt(some.support)(some.query_inputs).argmax(-1) == some.query_labels).float().mean(1)
            for some in loader.episodes(episodes, 0, count, 8)
        ]
        torch.cat(scores).mean()

    return run


def evaluation_embedded_once(shape: Shape, count: int) -> Run:
    """``evaluate``; a unit is all ``count`` episodes, embedding included."""
    loader, learner = resident({"pixel_values": pictures(TEST_CLASSES)}), Prototypical(conv4())
    episodes = sampler(loader, shape, "test")

    def run(times: int) -> None:
        for _ in range(times):
            evaluate(learner, loader, [episodes], count)

    return run


def cached(shape: Shape) -> Run:
    """``evaluate`` over embeddings that lie there."""
    loader = resident({EMBEDDING: embeddings()})
    learner = Prototypical(Embedded("text", TEXT_DIM))
    episodes = sampler(loader, shape, "test")
    return lambda count: (evaluate(learner, loader, [episodes], max(count, 2)), None)[1]


def sampling(shape: Shape, classes: int = TEST_CLASSES, each: int = EACH) -> Run:
    """Positions and labels alone."""
    one = kshot.shapes.Shape(shape.way, shape.shot, shape.queries)
    episodes = Sampler(catalogue(classes, each), "test", one, 0)

    def run(count: int) -> None:
        for _ in episodes.blocks(count):
            pass

    return run


def sampling_with_pictures(shape: Shape) -> Run:
    """Episodes ready for a network, one at a time as in training."""
    loader = resident({"pixel_values": pictures(TEST_CLASSES)})
    episodes = sampler(loader, shape, "test")

    def run(count: int) -> None:
        for _ in loader.episodes(episodes, 0, count, 1):
            pass

    return run


def on_pictures(
    learner: Callable[[Encoder], Learner], shape: Shape = FIVE_ONE, meta_batch: int = 1, half: bool = False
) -> Run:
    """Training around Conv-4."""
    return training(learner(conv4()), {"pixel_values": pictures()}, shape, meta_batch, half)


def maml(steps: int, order: int) -> Callable[[], Run]:
    """MAML on Conv-4, batch norms by the batch at hand as peers have them."""

    def learner(encoder: Encoder) -> MAML:
        made = MAML(encoder, way=5, inner_steps=steps, order=order, inner_rate=INNER_RATE)
        made.batch_statistics = "query"
        return made

    return lambda: on_pictures(learner, meta_batch=META_BATCH)


def maml_on_texts() -> Run:
    """A small transformer, 16 tokens a text."""
    encoder = mini_transformer()
    encoder.idf.fill_(1.0)  # as if it had been fitted
    random = torch.Generator().manual_seed(0)
    inputs = {
        "input_ids": torch.randint(5, 500, (TEST_CLASSES, EACH, 16), generator=random),
        "attention_mask": torch.ones(TEST_CLASSES, EACH, 16, dtype=torch.int64),
    }
    return training(MAML(encoder, way=5), inputs, FIVE_ONE, META_BATCH)


def maml_on_recordings() -> Run:
    """A d-vector encoder, 1.5 s a recording."""
    random = torch.Generator().manual_seed(0)
    inputs = {
        "input_features": torch.randn(100, EACH, 150, 40, generator=random),
        "attention_mask": torch.ones(100, EACH, 150, dtype=torch.int64),
    }
    return training(MAML(DVector(width=32, dim=32), way=5), inputs, FIVE_ONE, META_BATCH)


def command(*arguments: str) -> Callable[[], Run]:
    """A process of its own."""

    def run(count: int) -> None:
        for _ in range(count):
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)

    return lambda: run


ROWS: dict[str, Callable[[], Run]] = {
    "prototypical training, 5w1s": lambda: on_pictures(Prototypical),
    "prototypical training, 20w5s": lambda: on_pictures(Prototypical, TWENTY_FIVE),
    "prototypical training, 5w1s, bfloat16": lambda: on_pictures(Prototypical, half=True),
    "prototypical training, 20w5s, bfloat16": lambda: on_pictures(Prototypical, TWENTY_FIVE, half=True),
    "evaluation by episode, 5w1s": lambda: evaluation_by_episode(FIVE_ONE),
    "evaluation by episode, 20w5s": lambda: evaluation_by_episode(TWENTY_FIVE),
    "evaluation, embedded once, 1,000 episodes": lambda: evaluation_embedded_once(FIVE_ONE, 1000),
    "evaluation, embedded once, 10,000 episodes": lambda: evaluation_embedded_once(FIVE_ONE, 10000),
    "sampling, 5w1s": lambda: sampling(FIVE_ONE),
    "sampling, 20w5s": lambda: sampling(TWENTY_FIVE),
    "sampling with pictures, 5w1s": lambda: sampling_with_pictures(FIVE_ONE),
    "sampling with pictures, 20w5s": lambda: sampling_with_pictures(TWENTY_FIVE),
    "sampling, 5w1s, 5,000 x 1,000": lambda: sampling(FIVE_ONE, 5000, 1000),
    "cached embeddings, 5w5s": lambda: cached(FIVE_FIVE),
    "maml, second order, 1 step": maml(1, 2),
    "maml, second order, 5 steps": maml(5, 2),
    "maml, first order, 1 step": maml(1, 1),
    "maml, first order, 5 steps": maml(5, 1),
    "matching with FCE, training": lambda: on_pictures(lambda encoder: Matching(encoder, fce=True)),
    "siamese, training": lambda: on_pictures(Siamese),
    "meta-LSTM, training": lambda: on_pictures(lambda encoder: MetaLSTM(encoder, way=5), FIVE_FIVE),
    "maml on a small transformer": maml_on_texts,
    "maml on a d-vector encoder": maml_on_recordings,
    "import": command("-c", "import kshot"),
    "command's help": command("-m", "kshot", "--help"),
}
