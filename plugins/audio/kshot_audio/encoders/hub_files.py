"""A network over samples in a folder: loaded, made fit for inner loops, and what it needs to hear."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from kshot.errors import KshotError
from kshot.hub import ModelFiles

from kshot_audio.encoders.weight_norm import with_own_weight_norms

SAMPLES = "input_values"


def load_network(files: ModelFiles, auto: Any) -> tuple[Any, Collection[str]]:
    """The folder's network, and the names of parameters that it has no weights for.

    Raises:
        KshotError: as :meth:`ModelFiles.load`.
    """
    model, lacking = files.load_model(auto)
    for module in model.modules():
        config = getattr(module, "config", None)
        if config is not None:  # both would draw from torch's and NumPy's global random states
            config.layerdrop, config.apply_spec_augment = 0.0, False
        if hasattr(module, "_requires_grad"):
            module._requires_grad = False  # of its inputs, which torch.func forbids
    return with_own_weight_norms(model), lacking


def load_extractor(files: ModelFiles) -> Any:
    """What turns samples into the network's inputs.

    Raises:
        KshotError: the folder has none, or one that makes something other than samples.
    """
    from transformers import AutoFeatureExtractor

    extractor = files.load(AutoFeatureExtractor)
    names = list(getattr(extractor, "model_input_names", ()))
    if SAMPLES not in names:
        raise KshotError(
            f"{files.who}: the model there takes {', '.join(names) or 'no sound'}; networks that take "
            f"samples ({SAMPLES}) are offered, such as wav2vec 2.0, HuBERT and WavLM"
        )
    return extractor


def samples_for(frames: int, files: ModelFiles, config: Any) -> int:
    """The shortest recording of which the network makes so many frames.

    Raises:
        KshotError: its configuration does not tell kernels and strides.
    """
    kernels, strides = getattr(config, "conv_kernel", None), getattr(config, "conv_stride", None)
    if not kernels or not strides:
        kind = getattr(config, "model_type", type(config).__name__)
        raise KshotError(f"{files.who}: {kind} has no convolutions over samples, so it is not offered")
    samples = frames * getattr(config, "squeeze_factor", 1)  # SEW makes one frame of so many
    for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
        samples = (samples - 1) * stride + kernel
    return samples
