"""Tensors read from a file are the tensors that were written, to where their memory begins."""

from __future__ import annotations

from pathlib import Path

import torch
from kshot.tensorfiles import read_tensors, write_tensors
from safetensors import safe_open


def test_what_is_read_lies_as_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    written = {name: torch.randn(size) for name, size in (("a", 3), ("b", 5), ("c", 7), ("d", 9))}
    write_tensors(path, written, {"said": "so"})
    with safe_open(path, framework="pt") as mapped:
        # Or this would say nothing: the file has them one right behind the other.
        assert any(mapped.get_tensor(name).data_ptr() % 64 for name in written)
    read, texts = read_tensors(path)
    assert texts == {"said": "so"}
    assert read.keys() == written.keys()
    for name, value in read.items():
        assert torch.equal(value, written[name])
        assert value.data_ptr() % 64 == written[name].data_ptr() % 64 == 0
        assert value.untyped_storage().nbytes() == value.nbytes
