"""The same work in plain torch, as fast as its authors can make it: what a framework may cost is measured
against this. It checks nothing, reports nothing and resumes from nothing."""

from __future__ import annotations

import copy
import ctypes
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from work import (
    EACH,
    FIVE_FIVE,
    FIVE_ONE,
    INNER_RATE,
    LEARNING_RATE,
    META_BATCH,
    TEST_CLASSES,
    TWENTY_FIVE,
    WIDTH,
    Shape,
    conv4,
    embeddings,
    labels,
    pictures,
)

Run = Callable[[int], None]
CHUNK = 40
"""Pictures that pass together in evaluation: what they become on the way stays in the cache."""

BLOCK = 1024
"""Episodes drawn at a time."""

GATHERED = 2**21
"""Numbers in the embeddings that are classified at a time."""


def draw(random: np.random.Generator, classes: int, each: int, shape: Shape, count: int) -> np.ndarray:
    """(count, way, shot + queries) rows of a table of examples, class by class."""
    chosen = random.random((count, classes), dtype=np.float32).argpartition(shape.way, axis=1)[:, : shape.way]
    members = random.random((count, shape.way, each), dtype=np.float32).argsort(axis=2)
    return chosen[:, :, None] * each + members[:, :, : shape.shot + shape.queries]


def split(rows: np.ndarray, shape: Shape) -> tuple[Tensor, Tensor]:
    """(n, way, …) rows → (n, support) and (n, query)."""
    support, query = rows[:, :, : shape.shot], rows[:, :, shape.shot :]
    flat = (part.reshape(len(rows), -1) for part in (support, query))
    support_rows, query_rows = (torch.from_numpy(np.ascontiguousarray(part)) for part in flat)
    return support_rows, query_rows


def _network() -> nn.Module:
    return conv4(pool_first=True).to(memory_format=torch.channels_last)


def keep_freed_memory() -> None:
    """Let glibc keep large blocks that are freed: a step needs the next ones at once, and pages cost time."""
    trim_threshold, mmap_max = -1, -4  # from malloc.h
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, 2**31 - 1)


def prototypical_training(shape: Shape, half: bool = False) -> Run:
    """One episode a step."""
    keep_freed_memory()
    table, network = pictures().flatten(0, 1), _network().train()
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    random = np.random.default_rng(0)
    target, supports = labels(shape)[1], shape.way * shape.shot

    def run(count: int) -> None:
        for start in range(0, count, BLOCK):
            rows = draw(random, len(table) // EACH, EACH, shape, min(BLOCK, count - start))
            for support, query in zip(*split(rows, shape), strict=True):
                with torch.autocast("cpu", torch.bfloat16, enabled=half):
                    embedded = network(table[torch.cat([support, query])])
                embedded = embedded.float()
                prototypes = embedded[:supports].unflatten(0, (shape.way, shape.shot)).mean(1)
                loss = F.cross_entropy(_nearness(embedded[supports:], prototypes), target)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()

    return run


def _nearness(query: Tensor, prototypes: Tensor) -> Tensor:
    """Squared distances with a minus, (…, Q, dim) and (…, way, dim) → (…, Q, way)."""
    squares = query.square().sum(-1, keepdim=True) + prototypes.square().sum(-1).unsqueeze(-2)
    return 2 * query @ prototypes.mT - squares


def evaluation_by_episode(shape: Shape, half: bool = False) -> Run:
    """The network runs on every episode's pictures."""
    table, network = pictures(TEST_CLASSES).flatten(0, 1), _network().eval()
    random, target = np.random.default_rng(0), labels(shape)[1]
    pool = _one_thread_each()

    def episode(rows: Tensor) -> Tensor:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            embedded = torch.cat([network(part) for part in table[rows].split(CHUNK)]).float()
        supports = shape.way * shape.shot
        prototypes = embedded[:supports].unflatten(0, (shape.way, shape.shot)).mean(1)
        answers = _nearness(embedded[supports:], prototypes).argmax(-1)
        return (answers == target).float().mean()

    def run(count: int) -> None:
        for start in range(0, count, BLOCK):
            rows = draw(random, TEST_CLASSES, EACH, shape, min(BLOCK, count - start))
            torch.stack(list(pool.map(episode, torch.cat(split(rows, shape), dim=1)))).mean()

    return run


def _embedded_once(half: bool = False) -> Tensor:
    table, network = pictures(TEST_CLASSES).flatten(0, 1), _network().eval()

    def embed(part: Tensor) -> Tensor:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            return network(part).float()

    return torch.cat(list(_one_thread_each().map(embed, table.split(CHUNK))))


def evaluation_embedded_once(shape: Shape, episodes: int) -> Run:
    """Each test picture is embedded once, then ``episodes`` episodes are classified; a unit is all that."""

    def run(count: int) -> None:
        for _ in range(count):
            _classify(_embedded_once(), EACH, shape, episodes, np.random.default_rng(0))

    return run


def cached(shape: Shape) -> Run:
    """Episodes over embeddings that lie there."""
    table = embeddings()
    flat, each, random = table.flatten(0, 1), table.shape[1], np.random.default_rng(0)
    return lambda count: _classify(flat, each, shape, count, random)


def _classify(table: Tensor, each: int, shape: Shape, count: int, random: np.random.Generator) -> None:
    """Accuracy of nearest prototypes."""
    target, scores = labels(shape)[1], list[Tensor]()
    size = max(1, GATHERED // (shape.examples * table.shape[1]))
    for start in range(0, count, BLOCK):
        rows = draw(random, len(table) // each, each, shape, min(BLOCK, count - start))
        for part in zip(*(one.split(size) for one in split(rows, shape)), strict=True):
            support, query = (table[one] for one in part)
            prototypes = support.unflatten(1, (shape.way, shape.shot)).mean(2)
            scores.append((_nearness(query, prototypes).argmax(-1) == target).float().mean(1))
    torch.cat(scores).mean()


def shuffled(random: np.random.Generator, rows: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
    """(n, k) rows and their (k,) labels → both in a random order, (n, k) each."""
    count, size = rows.shape
    # Random numbers that end in their own place are sorted sooner than places by numbers.
    mask = np.uint32((1 << (size - 1).bit_length()) - 1)
    order = random.integers(0, 2**32, (count, size), dtype=np.uint32)
    order &= ~mask
    order |= np.arange(size, dtype=np.uint32)
    order.sort(axis=1)
    order &= mask
    places = order.astype(np.int64)
    mixed_labels = own.numpy()[places]
    places += np.arange(count)[:, None] * size
    return torch.from_numpy(rows.numpy().reshape(-1)[places]), torch.from_numpy(mixed_labels)


def sampling(shape: Shape) -> Run:
    """Rows in random order, and the label of each."""
    random, own = np.random.default_rng(0), labels(shape)

    def run(count: int) -> None:
        for start in range(0, count, BLOCK):
            sides = split(draw(random, TEST_CLASSES, EACH, shape, min(BLOCK, count - start)), shape)
            for rows, side in zip(sides, own, strict=True):
                shuffled(random, rows, side)

    return run


def sampling_with_pictures(shape: Shape) -> Run:
    """Rows, and the pictures that they are of."""
    random, table = np.random.default_rng(0), pictures(TEST_CLASSES).flatten(0, 1)

    def run(count: int) -> None:
        for start in range(0, count, BLOCK):
            for rows in torch.cat(
                split(draw(random, TEST_CLASSES, EACH, shape, min(BLOCK, count - start)), shape), 1
            ):
                table.index_select(0, rows)

    return run


def maml(steps: int, order: int, shape: Shape = FIVE_ONE) -> Run:
    """Meta-steps of four tasks, on two threads where there are two; batch norms see the batch at hand."""
    keep_freed_memory()
    table = pictures().flatten(0, 1)
    network = nn.Sequential(*_network().children(), nn.Linear(WIDTH, shape.way)).train()
    for one in network.modules():
        if isinstance(one, nn.BatchNorm2d):
            one.track_running_stats, one.running_mean, one.running_var = False, None, None
    named = dict(network.named_parameters())
    norms = {
        f"{n}.{p}"
        for n, m in network.named_modules()
        if isinstance(m, nn.BatchNorm2d)
        for p in ("weight", "bias")
    }
    bare = copy.deepcopy(network)
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    random, (own, target) = np.random.default_rng(0), labels(shape)
    pool, threads = _one_thread_each(), threading.local()

    def task(rows: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
        support, query = (table[part] for part in rows)
        # A functional call puts weights into the module itself: one for each thread.
        network = threads.network = getattr(threads, "network", None) or copy.deepcopy(bare)
        weights = {name: value for name, value in named.items() if name not in norms}
        for _ in range(steps):
            loss = F.cross_entropy(functional_call(network, named | weights, (support,)), own)
            gradients = torch.autograd.grad(loss, list(weights.values()), create_graph=order == 2)
            weights = {n: w - INNER_RATE * g for (n, w), g in zip(weights.items(), gradients, strict=True)}
        loss = F.cross_entropy(functional_call(network, named | weights, (query,)), target)
        return torch.autograd.grad(loss, list(named.values()))

    def run(count: int) -> None:
        for _ in range(count):
            support, query = split(draw(random, len(table) // EACH, EACH, shape, META_BATCH), shape)
            tasks = list(pool.map(task, zip(support, query, strict=True)))
            for parameter, gradients in zip(named.values(), zip(*tasks, strict=True), strict=True):
                parameter.grad = torch.stack(gradients).mean(0)
            optimiser.step()

    return run


def _one_thread_each() -> ThreadPoolExecutor:
    """As many threads as torch would use, each of which computes alone."""
    count = torch.get_num_threads()

    def begin() -> None:
        torch.get_num_threads()  # else the first operation would ask for the number that was set last
        torch.set_num_threads(1)

    pool = ThreadPoolExecutor(count, initializer=begin)
    list(pool.map(lambda _: time.sleep(0.01), range(count)))
    torch.set_num_threads(count)
    return pool


ROWS: dict[str, Callable[[], Run]] = {
    "prototypical training, 5w1s": lambda: prototypical_training(FIVE_ONE),
    "prototypical training, 20w5s": lambda: prototypical_training(TWENTY_FIVE),
    "prototypical training, 5w1s, bfloat16": lambda: prototypical_training(FIVE_ONE, half=True),
    "prototypical training, 20w5s, bfloat16": lambda: prototypical_training(TWENTY_FIVE, half=True),
    "evaluation by episode, 5w1s": lambda: evaluation_by_episode(FIVE_ONE),
    "evaluation by episode, 20w5s": lambda: evaluation_by_episode(TWENTY_FIVE),
    "evaluation, embedded once, 1,000 episodes": lambda: evaluation_embedded_once(FIVE_ONE, 1000),
    "evaluation, embedded once, 10,000 episodes": lambda: evaluation_embedded_once(FIVE_ONE, 10000),
    "sampling, 5w1s": lambda: sampling(FIVE_ONE),
    "sampling, 20w5s": lambda: sampling(TWENTY_FIVE),
    "sampling with pictures, 5w1s": lambda: sampling_with_pictures(FIVE_ONE),
    "sampling with pictures, 20w5s": lambda: sampling_with_pictures(TWENTY_FIVE),
    "cached embeddings, 5w5s": lambda: cached(FIVE_FIVE),
    "maml, second order, 1 step": lambda: maml(1, 2),
    "maml, second order, 5 steps": lambda: maml(5, 2),
    "maml, first order, 1 step": lambda: maml(1, 1),
    "maml, first order, 5 steps": lambda: maml(5, 1),
}
