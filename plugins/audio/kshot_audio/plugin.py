"""Entry point: specs only, no heavy import."""

from __future__ import annotations

from collections.abc import Sequence

from kshot import EncoderSpec, ReaderSpec, SourceSpec, Trial, hookimpl

from kshot_audio.datasets import NAMED

KSHOT_API = 1

_WINDOWED = {"dim": 8, "width": 8, "rate": 4000, "mels": 8, "seconds": 0.2, "window": 0.15, "windows": 2}

_KINK = "filters of its first layer sum to zero, so that silence lies on the kink of its first ReLU"


@hookimpl
def kshot_encoders() -> Sequence[EncoderSpec]:
    return (
        EncoderSpec(
            name="dvector",
            summary="speaker embedding: log-mel, time-delay network or LSTM, masked pooling",
            factory="kshot_audio.encoders.dvector:DVector",
            paper="Wan et al., Generalized End-to-End Loss for Speaker Verification, ICASSP 2018",
            modality="audio",
            trial=Trial({"dim": 8, "width": 8, "rate": 4000, "mels": 8, "seconds": 0.2}),
        ),
        EncoderSpec(
            name="ge2e",
            summary="pretrained speaker encoder of Resemblyzer, no hub (extra: kshot-audio[ge2e])",
            factory="kshot_audio.encoders.ge2e:GE2E",
            paper="Wan et al., Generalized End-to-End Loss for Speaker Verification, ICASSP 2018",
            licence="Apache-2.0",
            modality="audio",
            trial=Trial(modules=("resemblyzer",)),
        ),
        EncoderSpec(
            name="speech_embedding",
            summary="what is said: Google's pretrained words encoder, no hub (extra: speech-embedding)",
            factory="kshot_audio.encoders.speech_embedding:SpeechEmbedding",
            paper="Lin et al., Training Keyword Spotters with Limited and Synthesized Speech Data, ICASSP 2020",
            licence="Apache-2.0",
            modality="audio",
            trial=Trial(exceptions={"second_order": _KINK}, modules=("openwakeword", "onnx")),
        ),
        EncoderSpec(
            name="xvector",
            summary="speaker embedding: time-delay network with batch norm, statistics pooling",
            factory="kshot_audio.encoders.xvector:xvector",
            paper="Snyder et al., X-Vectors: Robust DNN Embeddings for Speaker Recognition, ICASSP 2018",
            modality="audio",
            trial=Trial({**_WINDOWED, "pooled": 12, "augment": ["crop", "specaugment", "noise", "gain"]}),
        ),
        EncoderSpec(
            name="ecapa",
            summary="speaker embedding: ECAPA-TDNN by SpeechBrain (extra: kshot-audio[ecapa])",
            factory="kshot_audio.encoders.ecapa:ecapa",
            paper="Desplanques et al., ECAPA-TDNN, Interspeech 2020",
            modality="audio",
            trial=Trial({**_WINDOWED, "attention": 4}, modules=("speechbrain",)),
        ),
        EncoderSpec(
            name="hf-audio",
            summary="any wav2vec 2.0, HuBERT, WavLM, by hub id or folder (extra: kshot-audio[hf])",
            factory="kshot_audio.encoders.hf_audio:hf_audio",
            takes="model",
            licence="that of the model",
            modality="audio",
            trial=Trial("kshot_audio.trials:hf_audio", modules=("transformers",)),
        ),
        EncoderSpec(
            name="hf-xvector",
            summary="such a network with an x-vector head, for speakers (extra: kshot-audio[hf])",
            factory="kshot_audio.encoders.hf_audio:hf_xvector",
            takes="model",
            licence="that of the model",
            modality="audio",
            trial=Trial("kshot_audio.trials:hf_xvector", modules=("transformers",)),
        ),
        EncoderSpec(
            name="mel_crnn",
            summary="what is said, by anybody: convolutions over log-mel frames, GRU, attention pooling",
            factory="kshot_audio.encoders.mel_crnn:MelCRNN",
            trial=Trial({"dim": 8, "width": 8, "heads": 2, "rate": 4000, "mels": 8, "seconds": 0.2}),
            paper="Settle and Livescu, Discriminative acoustic word embeddings, SLT 2016",
            modality="audio",
        ),
        EncoderSpec(
            name="mel_statistics",
            summary="untrained baseline: mean and deviation of each log-mel band",
            factory="kshot_audio.encoders.mel_statistics:MelStatistics",
            modality="audio",
            trial=Trial({"rate": 4000, "mels": 8, "seconds": 0.2}),
        ),
    )


@hookimpl
def kshot_sources() -> Sequence[SourceSpec]:
    return (
        SourceSpec(
            name="voices",
            summary="72 speakers synthesised by eSpeak NG, in noise (extra: kshot-audio[voices])",
            factory="kshot_audio.voices.source:Voices",
            licence="engine GPL-3.0-or-later, installed only on request; the audio is made on your machine",
            modality="audio",
            trial=Trial({"utterances": 2, "seconds": 0.2}, modules=("espeakng_loader",)),
        ),
        SourceSpec(
            name="audio_table",
            summary="your recordings: Parquet, CSV, JSON Lines, class folders or the hub",
            factory="kshot_audio.tables:audio_table",
            licence="that of your data",
            modality="audio",
            trial=Trial("kshot_audio.trials:audio_table"),
        ),
        SourceSpec(
            name="tiny_recordings",
            summary="for tests: 21 classes of one or two tones, 12 recordings of a tenth of a second each",
            factory="kshot_audio.tiny:TinyRecordings",
            modality="audio",
            tiny=True,
        ),
        SourceSpec(
            name="spoken_words",
            summary="4,000 words said by 72 voices of eSpeak NG, in noise (extra: kshot-audio[voices])",
            factory="kshot_audio.spoken.source:SpokenWords",
            trial=Trial({"words": 100, "examples": 2, "test_examples": 2}, modules=("espeakng_loader",)),
            licence="engine GPL-3.0-or-later, installed only on request; the audio is made on your machine",
            modality="audio",
        ),
        *NAMED,
    )


@hookimpl
def kshot_readers() -> Sequence[ReaderSpec]:
    return (
        ReaderSpec(
            name="audio",
            summary="a path, bytes, or samples with their rate",
            factory="kshot_audio.reading:AudioReader",
            modality="audio",
        ),
    )
