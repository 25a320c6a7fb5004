"""A plugin that watches runs: it brings a toy, and counts every event of a run into a file."""

import json
import os
from collections import Counter
from pathlib import Path

from kshot import EncoderSpec, SourceSpec, hookimpl

KSHOT_API = 1
counts = Counter()
final = {}


@hookimpl
def kshot_encoders():
    return [EncoderSpec("toy_encoder", "a perceptron", "kshot.testing.toy:toy_encoder", modality="toy")]


@hookimpl
def kshot_sources():
    return [SourceSpec("toy", "separable vectors", "kshot.testing.toy:Toy", modality="toy")]


@hookimpl
def kshot_run_started(name, cells, finished):
    counts["run started"] += 1
    counts["cells to run"] += len(cells) - len(finished)


@hookimpl
def kshot_cell_started(stage):
    counts[f"stage {stage}"] += 1


@hookimpl
def kshot_pretrained(epoch, total):
    counts["epochs"] += 1


@hookimpl
def kshot_episodes_trained(cell, episodes):
    # How often it is called is a matter of time; where it ends is not.
    final[cell] = episodes


@hookimpl
def kshot_validation_started(cell, episodes):
    counts["validations started"] += 1


@hookimpl
def kshot_validated(cell):
    counts["validations"] += 1


@hookimpl
def kshot_evaluation_started(shape, episodes):
    counts["test episodes"] += episodes


@hookimpl
def kshot_batch_started(stage, batch):
    counts[f"batches of {stage}"] += 1
    counts[f"episodes in batches of {stage}"] += len(batch)


@hookimpl
def kshot_batch_finished(stage, loss):
    counts[f"batches of {stage} finished"] += 1


@hookimpl
def kshot_evaluated(shape):
    counts[f"evaluations {shape}"] += 1


@hookimpl
def kshot_cell_finished(cell, result):
    counts["cells finished"] += 1


@hookimpl
def kshot_cell_failed(cell, error):
    counts["cells failed"] += 1


@hookimpl
def kshot_run_finished(name, finished, failed):
    counts["run finished"] += 1
    told = {**counts, "episodes": sum(final.values()), "result": [len(finished), len(failed)]}
    Path(os.environ["COUNTS"]).write_text(json.dumps(told))
