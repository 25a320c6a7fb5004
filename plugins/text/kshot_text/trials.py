"""Files that the conformance suite tries some entries with, made in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from kshot_text.tiny import FILLERS, TOPICS, TinyTexts


def hf_text(folder: Path) -> dict[str, Any]:
    """A BERT that knows the tiny source's words."""
    return {"model": saved_bert(folder, [*" ".join(TOPICS.values()).split(), *FILLERS])}


def saved_bert(folder: Path, words: Iterable[str]) -> str:
    """Write a BERT with random weights, and a tokenizer of these words, as ``save_pretrained`` does.

    Returns:
        The folder.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    numbers = {
        word: number
        for number, word in enumerate(dict.fromkeys(("[PAD]", "[UNK]", "[CLS]", "[SEP]", *words)))
    }
    inner = Tokenizer(models.WordLevel(numbers, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [(mark, numbers[mark]) for mark in ("[CLS]", "[SEP]")]
    inner.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    marks = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=inner, **marks).save_pretrained(folder)
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = BertModel(BertConfig(vocab_size=len(numbers), max_position_embeddings=40, **shape))
        for parameter in model.parameters():  # a fresh BERT's embeddings are nearly alike
            torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(folder)
    return str(folder)


def text_table(folder: Path) -> dict[str, Any]:
    """A folder of class folders."""
    source = TinyTexts()
    for split in ("train", "validation", "test"):
        catalogue = source.catalogue(split)
        for row, label in zip(catalogue.rows, catalogue.labels, strict=True):
            place = folder / catalogue.classes[label]
            place.mkdir(exist_ok=True)
            (place / f"{row}.txt").write_bytes(source.present(source.fetch(int(row))).data)
    return {"path": str(folder)}
