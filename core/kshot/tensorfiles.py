"""Tensors on disk: safetensors, written whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from kshot.files import write_atomic_with

_SYSTEM = re.compile(r"os error (\d+)")


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str] | None = None) -> None:
    """Write tensors, from whatever device, and texts beside them.

    Raises:
        StorageError: the file cannot be written.
    """
    plain: dict[str, Tensor] = {}
    memory: set[int] = set()
    for name, value in tensors.items():
        there = value.detach().cpu().contiguous()
        place = there.untyped_storage().data_ptr()
        # Tied weights share memory, which the format refuses.
        plain[name] = there.clone() if place in memory else there
        memory.add(place)

    def write(temporary: Path) -> None:
        try:
            save_file(plain, temporary, metadata=dict(header or {}))
        except SafetensorError as error:
            # A full disk comes as text; what the system said is in it.
            code = _SYSTEM.search(str(error))
            if code is None:
                raise
            raise OSError(int(code[1]), os.strerror(int(code[1]))) from error

    write_atomic_with(path, write)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file, on the CPU, and the texts beside them.

    Each has memory of its own. Mapped from a file it would begin wherever the file has it, and the last
    bits of a product may go by that: what is read would compute otherwise than what was written.

    Raises:
        SafetensorError: it is no such file, or damaged.
        OSError: it cannot be read.
    """
    with safe_open(path, framework="pt") as stored:
        tensors = {name: stored.get_tensor(name).clone() for name in stored.keys()}  # noqa: SIM118
        return tensors, stored.metadata() or {}
