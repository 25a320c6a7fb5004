"""One of several processes that leave their group; prints how many of its threads there are before and after."""

from __future__ import annotations

from pathlib import Path

import torch
from kshot.training import join_processes


def threads() -> int:
    names = (task.joinpath("comm").read_text() for task in Path("/proc/self/task").iterdir())
    return sum("gloo" in name for name in names)


if __name__ == "__main__":
    group, _ = join_processes(torch.device("cpu"))
    # Imported on the way by more than one optimiser; its parts take the world's group as a default.
    import torch._dynamo

    assert group.first(lambda: 3) == 3
    before = threads()
    group.close()
    print(before > 0, threads())
