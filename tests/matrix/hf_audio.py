"""Tiny networks over samples with random weights in a folder, with their feature extractor."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile

from kshot.interfaces import Encoder

RATE = 4000
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


def build() -> Encoder:
    """The shipped encoder around a wav2vec 2.0 with the group norm of its base model."""
    from kshot_audio.encoders.hf_audio import hf_audio

    return hf_audio(model=_saved("Wav2Vec2Model"))


def build_xvector() -> Encoder:
    """The shipped encoder around a WavLM with an x-vector head, varied in training."""
    from kshot_audio.encoders.hf_audio import hf_xvector

    return hf_xvector(model=_saved("WavLMForXVector"), augment=["crop", "specaugment", "noise", "gain"])


@functools.cache
def _saved(kind: str) -> str:
    """The folder, as ``save_pretrained`` writes it; gone with the process."""
    import torch
    import transformers
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    folder = tempfile.mkdtemp(prefix="kshot-audio-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    transformers.Wav2Vec2FeatureExtractor(sampling_rate=RATE).save_pretrained(folder)
    model_class = getattr(transformers, kind)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = model_class(model_class.config_class(**_SHAPE))
        for parameter in model.parameters():  # a fresh network's embeddings are nearly alike
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    return folder
