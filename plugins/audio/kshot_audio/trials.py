"""Files that the conformance suite tries some entries with, made in a folder of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from kshot_audio.tiny import RATE, TinyRecordings

_SHAPE = {
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "conv_dim": (6, 6),
    "conv_kernel": (10, 3),
    "conv_stride": (5, 4),
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "tdnn_dim": (8, 12),
    "tdnn_kernel": (3, 2),
    "tdnn_dilation": (1, 2),
    "xvector_output_dim": 8,
}


def hf_audio(folder: Path) -> dict[str, Any]:
    """A wav2vec 2.0 with the group norm of its base model."""
    return _saved("Wav2Vec2Model", folder)


def hf_xvector(folder: Path) -> dict[str, Any]:
    """A WavLM with an x-vector head, varied in training."""
    return {**_saved("WavLMForXVector", folder), "augment": ["crop", "specaugment", "noise", "gain"]}


def audio_table(folder: Path) -> dict[str, Any]:
    """A folder of class folders."""
    source = TinyRecordings()
    for split in ("train", "validation", "test"):
        catalogue = source.catalogue(split)
        for row, label in zip(catalogue.rows, catalogue.labels, strict=True):
            place = folder / catalogue.classes[label]
            place.mkdir(exist_ok=True)
            (place / f"{row}.wav").write_bytes(source.present(source.fetch(int(row))).data)
    return {"path": str(folder)}


def _saved(kind: str, folder: Path) -> dict[str, Any]:
    """The folder of a network with random weights, as ``save_pretrained`` writes it."""
    import transformers
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    transformers.Wav2Vec2FeatureExtractor(sampling_rate=RATE).save_pretrained(folder)
    model_class = getattr(transformers, kind)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = model_class(model_class.config_class(**_SHAPE))
        for parameter in model.parameters():  # a fresh network's embeddings are nearly alike
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    return {"model": str(folder)}
