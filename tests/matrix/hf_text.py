"""A tiny BERT with random weights in a folder, with a tokenizer of the matrix's own words."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections.abc import Sequence

from kshot.interfaces import Encoder


def build(words: Sequence[str]) -> Encoder:
    """The shipped encoder around it."""
    from kshot_text.encoders.hf_text import hf_text

    return hf_text(model=_saved(tuple(words)))


@functools.cache
def _saved(words: tuple[str, ...]) -> str:
    """The folder, as ``save_pretrained`` writes it; gone with the process."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tempfile.mkdtemp(prefix="kshot-bert-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    numbers = {word: number for number, word in enumerate(("[PAD]", "[UNK]", "[CLS]", "[SEP]", *words))}
    inner = Tokenizer(models.WordLevel(numbers, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [(mark, numbers[mark]) for mark in ("[CLS]", "[SEP]")]
    inner.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    marks = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=inner, **marks).save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
        model = BertModel(BertConfig(vocab_size=len(numbers), max_position_embeddings=40, **shape))
        for parameter in model.parameters():  # a fresh BERT's embeddings are nearly alike
            torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(folder)
    return folder
