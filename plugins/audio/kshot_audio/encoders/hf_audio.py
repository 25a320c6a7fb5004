"""Networks over samples of the Hugging Face hub, or of a folder in its form."""

from __future__ import annotations

from typing import Annotated, Any

from kshot.errors import KshotError
from kshot.hub import model_files
from kshot.interfaces import Encoder
from pydantic import Field

from kshot_audio.augmentation import Operation
from kshot_audio.encoders.hub_audio import HubAudio
from kshot_audio.encoders.readouts import Mean, XVectorHead


def hf_audio(
    *,
    model: str,
    seconds: Annotated[float, Field(gt=0)] = 8.0,
    trim: bool = False,
    augment: list[Operation] | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
    use_safetensors: bool = True,
) -> Encoder:
    """wav2vec 2.0, HuBERT, WavLM and their kin, frames averaged; (B, the network's width).

    Args:
        model: a hub id such as ``facebook/wav2vec2-base``, or a folder.
        seconds: only so much of a recording's beginning is used.
        trim: cut silence and long pauses out first.
        augment: how training examples are varied: ``crop``, ``specaugment``, ``noise``, ``gain``.
        revision: branch, tag or commit on the hub; default: its main branch.
        trust_remote_code: let Python code that comes with the model run.
        use_safetensors: False to take weights in pickle files where there are no others.

    Raises:
        KshotError: the model is not there, is not complete, or does not take samples.
    """
    transformers = _library("hf-audio")
    files = model_files(
        model,
        "hf-audio",
        revision=revision,
        trust_remote_code=trust_remote_code,
        use_safetensors=use_safetensors,
    )
    return HubAudio(files, transformers.AutoModel, Mean(), seconds=seconds, trim=trim, augment=augment or ())


def hf_xvector(
    *,
    model: str,
    seconds: Annotated[float, Field(gt=0)] = 8.0,
    trim: bool = False,
    augment: list[Operation] | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
    use_safetensors: bool = True,
) -> Encoder:
    """Such a network with an x-vector head, trained to tell speakers apart; (B, the head's width).

    Args:
        model: a hub id such as ``microsoft/wavlm-base-plus-sv``, or a folder.
        seconds: only so much of a recording's beginning is used.
        trim: cut silence and long pauses out first.
        augment: how training examples are varied: ``crop``, ``specaugment``, ``noise``, ``gain``.
        revision: branch, tag or commit on the hub; default: its main branch.
        trust_remote_code: let Python code that comes with the model run.
        use_safetensors: False to take weights in pickle files where there are no others.

    Raises:
        KshotError: the model is not there, is not complete, or has no x-vector head.
    """
    transformers = _library("hf-xvector")
    files = model_files(
        model,
        "hf-xvector",
        revision=revision,
        trust_remote_code=trust_remote_code,
        use_safetensors=use_safetensors,
    )
    auto = transformers.AutoModelForAudioXVector
    return HubAudio(files, auto, XVectorHead(), seconds=seconds, trim=trim, augment=augment or ())


def _library(who: str) -> Any:
    try:
        import transformers
    except ImportError as error:
        raise KshotError(f'{who}: transformers is missing; pip install "kshot-audio[hf]"') from error
    return transformers
