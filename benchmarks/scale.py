"""How cost grows: large sources, long trainings, many episodes, and each number of an episode's shape.

    python benchmarks/scale.py [--page docs/results/scale.md] [--only TEXT ...]

Times are processor seconds of one thread, which another program's work lengthens little; the median of
some runs counts. Slopes are those of the logarithms: 1 where a step takes as much longer as it has more
multiplications and additions to do.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from kshot.allocator import keep_freed_memory
from kshot.config import Train
from kshot.encoders import Embedded
from kshot.encoders.embedded import EMBEDDING
from kshot.episode import Episodes
from kshot.evaluation import evaluate
from kshot.interfaces import Learner
from kshot.learners.maml import MAML
from kshot.learners.prototypical import Prototypical
from kshot.loading import ResidentLoader
from kshot.sampling import Catalogue, Sampler
from kshot.shapes import Shape
from kshot.splits import ColumnSplit
from kshot.tables import table_source
from kshot.testing import Toy, toy_encoder
from kshot.training import train
from kshot_image.encoders.conv4 import conv4
from torch.utils.flop_counter import FlopCounterMode

CPU = torch.device("cpu")
SIZES = ((100, 20), (5000, 1000))
"""Classes and examples of each, of the sources that are opened."""

RUNS = 3
STEPS = 10_000
CACHED = 100_000


@dataclass(frozen=True)
class Curve:
    """What a step costs as one number of it grows.

    Attributes:
        name: of the number.
        work: of which step.
        x: its values.
        seconds: processor seconds of a step at each.
        operations: floating-point operations of a step at each.
    """

    name: str
    work: str
    x: list[int]
    seconds: list[float]
    operations: list[int]

    @property
    def slope(self) -> float:
        """Of the logarithm of seconds over that of operations, over all points (least squares)."""
        return float(np.polyfit(np.log(self.operations), np.log(self.seconds), 1)[0])


def curves() -> Iterator[Curve]:
    """Steps of a prototypical network on Conv-4 and of MAML on it, one number of them at a time."""
    prototypical = "prototypical network, Conv-4 with 64 filters"
    maml = "MAML of second order, Conv-4 with 32 filters"
    yield _curve("way", prototypical, [2, 5, 10, 20], lambda way: _prototypical(way, 1, 1))
    yield _curve("shot", prototypical, [1, 10, 20, 40], lambda shot: _prototypical(5, shot, 1))
    yield _curve("episodes of a step", prototypical, [1, 2, 4, 8], lambda count: _prototypical(5, 1, count))
    yield _curve("inner steps", maml, [1, 2, 3, 5, 8], lambda steps: _maml(steps, 2))
    yield _curve("tasks of a step", maml, [1, 2, 4, 8], lambda count: _maml(1, count))


def _curve(name: str, work: str, x: list[int], make: Callable[[int], Callable[[], None]]) -> Curve:
    seconds, operations = [], []
    for value in x:
        do = make(value)
        with FlopCounterMode(display=False) as counted:
            do()
        operations.append(counted.get_total_flops())
        seconds.append(median_seconds(do))
    return Curve(name, work, x, seconds, operations)


def median_seconds(do: Callable[[], object]) -> float:
    """Processor seconds, the median of some runs."""
    taken = []
    for _ in range(RUNS):
        started = time.process_time()
        do()
        taken.append(time.process_time() - started)
    return statistics.median(taken)


def _prototypical(way: int, shot: int, count: int) -> Callable[[], None]:
    return _step(Prototypical(conv4()), _pictures(count, way, shot, 15))


def _maml(steps: int, count: int) -> Callable[[], None]:
    return _step(MAML(conv4(width=32), way=5, inner_steps=steps, inner_rate=0.01), _pictures(count, 5, 5, 5))


def _step(learner: Learner, episodes: Episodes) -> Callable[[], None]:
    learner.train()

    def do() -> None:
        learner.zero_grad(set_to_none=True)
        learner.loss(episodes).backward()

    return do


def _pictures(count: int, way: int, shot: int, queries: int) -> Episodes:
    labels = torch.arange(way)
    return Episodes.of(
        {"pixel_values": torch.rand(count, way * shot, 1, 28, 28)},
        labels.repeat_interleave(shot).expand(count, -1),
        {"pixel_values": torch.rand(count, way * queries, 1, 28, 28)},
        labels.repeat_interleave(queries).expand(count, -1),
        way,
    )


@dataclass(frozen=True)
class Opened:
    """A table opened as a source in a process of its own.

    Attributes:
        classes, each: its size.
        seconds: until it is open, of the clock.
        again: the same, once the library has its own file of it.
        memory: MiB that opening added to the process.
        drawn: episodes drawn a second, 5-way 1-shot with 15 queries.
        fetched: raw examples of such episodes read a second.
    """

    classes: int
    each: int
    seconds: float
    again: float
    memory: float
    drawn: float
    fetched: float


def sources() -> Iterator[Opened]:
    """Tables of several sizes."""
    for classes, each in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "table.parquet")
            _write_table(path, classes, each)
            first, second = (_asked_child(path, folder) for _ in range(2))
        yield Opened(
            classes,
            each,
            first["seconds"],
            second["seconds"],
            second["memory"],
            second["drawn"],
            second["fetched"],
        )


def _write_table(path: Path, classes: int, each: int) -> None:
    """``classes`` × ``each`` texts for training, and five classes for the test."""
    import pyarrow
    import pyarrow.parquet

    numbers = np.repeat(np.arange(classes + 5), each)
    label = [f"class {number:05d}" for number in range(classes + 5)]
    table = pyarrow.table(
        {
            "label": pyarrow.DictionaryArray.from_arrays(numbers, label).cast(pyarrow.string()),
            "split": pyarrow.array(np.where(numbers < classes, "train", "test")),
            "text": pyarrow.array([f"text number {row}" for row in range(len(numbers))]),
        }
    )
    pyarrow.parquet.write_table(table, path)


def _asked_child(path: Path, cache: str) -> dict[str, float]:
    environment = {**os.environ, "HF_HOME": cache, "HF_DATASETS_CACHE": f"{cache}/datasets"}
    command = [sys.executable, __file__, "--open", str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def open_table(path: str) -> dict[str, float]:
    """Open a table, draw from it, read from it."""
    import datasets  # its import is no part of opening a source

    datasets.disable_progress_bars()
    before, started = _peak(), time.perf_counter()
    source = table_source(
        modality="text",
        path=path,
        content="text",
        media="text",
        label="label",
        split=ColumnSplit(column="split"),
        decode=str,
        present=str,
        suffixes=(".txt",),
    )
    catalogue = source.catalogue("train")
    sampler = Sampler(catalogue, "train", Shape(5, 1, 15), 0)
    seconds, memory = time.perf_counter() - started, _peak() - before
    drawing = rate(lambda: sum(len(one) for one in sampler.blocks(20_000)), 20_000)
    [drawn] = sampler.blocks(100)
    rows = catalogue.rows[np.concatenate([drawn.support, drawn.query], axis=1)].reshape(-1).tolist()
    fetching = rate(lambda: [source.fetch(row) for row in rows], len(rows))
    return {"seconds": seconds, "memory": memory, "drawn": drawing, "fetched": fetching}


def rate(do: Callable[[], object], count: int) -> float:
    """Units a processor second."""
    return count / median_seconds(do)


def _peak() -> float:
    """Peak memory of this process, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def memory() -> list[tuple[int, float]]:
    """Steps of a training, and the process's memory in MiB after them."""
    source = Toy()
    catalogue = source.catalogue("train")
    encoder = toy_encoder()
    inputs = encoder.prepare([source.fetch(int(row)) for row in catalogue.rows])
    loader = ResidentLoader(catalogue, inputs, CPU)
    sampler = Sampler(catalogue, "train", Shape(5, 1, 5), 0)
    seen: list[tuple[int, float]] = []

    def note(episodes: int, loss: float, seconds: float) -> None:
        del loss, seconds
        if not seen or episodes - seen[-1][0] >= STEPS // 20 or episodes == STEPS:
            seen.append((episodes, _resident()))

    train(Prototypical(encoder), loader, sampler, Train(episodes=STEPS), progress=note)
    return seen


def _resident() -> float:
    """Memory of this process now, MiB."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * resource.getpagesize() / 2**20


def cached() -> tuple[float, float]:
    """Seconds of the clock, and of the processor, for an evaluation of cached embeddings."""
    labels = [f"{number:04d}" for number in range(423) for _ in range(20)]
    catalogue = Catalogue.build(labels, [f"{k % 20:02d}" for k in range(len(labels))], version="1")
    loader = ResidentLoader(catalogue, {EMBEDDING: torch.randn(len(labels), 64)}, CPU)
    sampler = Sampler(catalogue, "test", Shape(5, 1, 15), 0)
    started, used = time.perf_counter(), time.process_time()
    evaluate(Prototypical(Embedded("image", 64)), loader, [sampler], CACHED)
    return time.perf_counter() - started, time.process_time() - used


def draw(found: list[Curve], to: Path) -> None:
    """Each curve on logarithmic axes, beside the line of a slope of 1 through its last point."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "kshot"  # the same figures, the same file
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(found), figsize=(3.1 * len(found), 3.2), layout="constrained")
    for axis, curve in zip(axes, found, strict=True):
        expected = [curve.seconds[-1] * one / curve.operations[-1] for one in curve.operations]
        axis.loglog(curve.x, expected, color="0.6", linestyle="--", label="arithmetic")
        axis.loglog(curve.x, curve.seconds, color="C0", marker="o", label="measured")
        axis.set_xticks(curve.x, [str(one) for one in curve.x])
        axis.minorticks_off()
        axis.set_xlabel(curve.name)
        axis.set_title(f"slope {curve.slope:.2f}", fontsize="medium")
    axes[0].set_ylabel("processor seconds of a step")
    axes[0].legend(frameon=False)
    to.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(to, metadata={"Date": None})


MARK = "<!-- below: written by benchmarks/scale.py -->"

Section = Callable[[Path], list[str]]


def _curves_section(page: Path) -> list[str]:
    found = list(curves())
    picture = page.parent.parent / "images" / "scale.svg"
    draw(found, picture)
    lines = ["## Cost of a step", "", f"![Five curves](../images/{picture.name})", ""]
    lines += ["| grows | step | from | to | operations, times | seconds, times | slope |", "|---" * 7 + "|"]
    for one in found:
        operations, seconds = one.operations[-1] / one.operations[0], one.seconds[-1] / one.seconds[0]
        grown = f"{operations:.1f} | {seconds:.1f} | {one.slope:.2f}"
        lines.append(f"| {one.name} | {one.work} | {one.x[0]} | {one.x[-1]} | {grown} |")
    return lines


def _sources_section(page: Path) -> list[str]:
    del page
    lines = ["## Large sources", ""]
    lines += [
        "| classes × examples | opened, s | opened again, s | memory, MiB | episodes drawn/s | examples read/s |",
        "|---" * 6 + "|",
    ]
    for one in sources():
        lines.append(
            f"| {one.classes:,} × {one.each:,} | {one.seconds:.1f} | {one.again:.1f} | {one.memory:,.0f} "
            f"| {one.drawn:,.0f} | {one.fetched:,.0f} |"
        )
    return [
        *lines,
        "",
        "A Parquet table of short texts, mapped from disk; 5-way 1-shot episodes with 15 queries.",
    ]


def _memory_section(page: Path) -> list[str]:
    del page
    seen = memory()
    early = next(one for one in seen if one[0] >= STEPS // 10)
    return [
        "## Memory of a long training",
        "",
        f"{early[1]:,.1f} MiB after {early[0]:,} steps, {seen[-1][1]:,.1f} MiB after {seen[-1][0]:,}; at most "
        f"{max(size for _, size in seen):,.1f} MiB between.",
    ]


def _cached_section(page: Path) -> list[str]:
    del page
    clock, processor = cached()
    return [
        "## Many episodes",
        "",
        f"{CACHED:,} 5-way 1-shot episodes with 15 queries, embeddings of 64 numbers cached, scored with all "
        f"outcomes kept: {clock:.1f} s ({processor:.1f} s of the processor).",
    ]


SECTIONS: dict[str, Section] = {
    "curves": _curves_section,
    "sources": _sources_section,
    "memory": _memory_section,
    "cached": _cached_section,
}


def main() -> None:
    """Measure, print, and write the page if one is named."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--page", type=Path, help="Markdown file to write; default: print it")
    arguments.add_argument("--only", nargs="*", default=list(SECTIONS), choices=list(SECTIONS))
    arguments.add_argument("--open", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    keep_freed_memory()  # as every training does
    if options.open:
        print(json.dumps(open_table(options.open)))
        return
    with tempfile.TemporaryDirectory() as nowhere:
        page = options.page or Path(nowhere, "docs", "results", "scale.md")
        parts = [[*SECTIONS[name](page), ""] for name in options.only]
        lines = [MARK, "", *itertools.chain(*parts), *_provenance(options.only)]
        text = "\n".join(lines) + "\n"
        print(text)
        if options.page:
            # What people wrote above the mark stays.
            before = page.read_text().split(MARK)[0] if page.exists() else "# Scale\n\n"
            page.write_text(before + text)


def _provenance(only: list[str]) -> list[str]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    load = os.getloadavg()[1]
    return [
        f"One thread of {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, "
        f"torch {torch.__version__}, numpy {np.__version__}; load of the machine over five minutes {load:.1f}.",
        f"Commit {commit.stdout.strip()}, {datetime.now(UTC):%Y-%m-%d}. Command: "
        f"`python benchmarks/scale.py{'' if len(only) == len(SECTIONS) else ' --only ' + ' '.join(only)}`.",
    ]


if __name__ == "__main__":
    main()
