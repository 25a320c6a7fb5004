"""Tiny pretrained text models with random weights, saved as their users save them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

_TEXT = """
return the value of key open a file and read it to end one line after other as bytes or text x
raise an error if socket has been closed by side : . , query boil stir oven flour engine wheel road
brake song drum choir tune goal team match referee rain cloud storm wind court judge law trial then
with under every
"""
WORDS = _TEXT.split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_SHAPE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
_T5 = {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2}

FAMILIES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "bert": ("BertConfig", _SHAPE),
    "roberta": ("RobertaConfig", {**_SHAPE, "pad_token_id": 1, "max_position_embeddings": 66}),
    "xlm-roberta": ("XLMRobertaConfig", {**_SHAPE, "pad_token_id": 1, "max_position_embeddings": 66}),
    "camembert": ("CamembertConfig", {**_SHAPE, "pad_token_id": 1, "max_position_embeddings": 66}),
    "distilbert": ("DistilBertConfig", {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24}),
    "mpnet": ("MPNetConfig", {**_SHAPE, "pad_token_id": 1, "max_position_embeddings": 66}),
    "deberta-v2": (
        "DebertaV2Config",
        {
            **_SHAPE,
            "relative_attention": True,
            "position_buckets": 4,
            "pos_att_type": ["p2c", "c2p"],
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "position_biased_input": False,
        },
    ),
    "electra": ("ElectraConfig", {**_SHAPE, "embedding_size": 8}),
    "albert": ("AlbertConfig", {**_SHAPE, "embedding_size": 8}),
    "t5": ("T5Config", _T5),
    "modernbert": (
        "ModernBertConfig",
        {**_SHAPE, "num_hidden_layers": 4, "global_attn_every_n_layers": 2, "local_attention": 6},
    ),
    "gpt2": ("GPT2Config", {"n_embd": 16, "n_layer": 2, "n_head": 2}),
    "xlnet": ("XLNetConfig", {"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 24}),
}
"""Model type → its configuration, and what makes it tiny."""

ODD: Mapping[str, tuple[str, dict[str, Any]]] = {
    "fnet": ("FNetConfig", {name: size for name, size in _SHAPE.items() if name != "num_attention_heads"}),
    "convbert": ("ConvBertConfig", {**_SHAPE, "embedding_size": 16}),
    "mobilebert": (
        "MobileBertConfig",
        {**_SHAPE, **dict.fromkeys(("embedding_size", "intra_bottleneck_size", "true_hidden_size"), 16)},
    ),
    "prophetnet": (
        "ProphetNetConfig",
        {
            "hidden_size": 16,
            "encoder_ffn_dim": 24,
            "decoder_ffn_dim": 24,
            **{
                f"num_{part}_{name}": 2
                for part in ("encoder", "decoder")
                for name in ("layers", "attention_heads")
            },
        },
    ),
    "big_bird": ("BigBirdConfig", {**_SHAPE, "block_size": 4, "num_random_blocks": 1}),
}
"""The same of families that see padding whatever the mask says, or drop numbers in a way of their own."""


def save_family(family: str, folder: Path, **options: Any) -> Path:
    """A folder as ``save_pretrained`` writes it: network, configuration, tokenizer."""
    import transformers

    name, shape = {**FAMILIES, **ODD}[family]
    tokenizer = tiny_tokenizer(shape.get("pad_token_id", 0))
    marks = {f"{mark}_token_id": getattr(tokenizer, f"{mark}_token_id") for mark in ("pad", "cls", "sep")}
    marks |= {"bos_token_id": marks["cls_token_id"], "eos_token_id": marks["sep_token_id"]}
    sizes = {"vocab_size": len(tokenizer), **marks, **shape, **options}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = transformers.AutoModel.from_config(getattr(transformers, name)(**sizes))
        for parameter in model.parameters():  # norms, biases and rare tables, too, shall matter
            torch.nn.init.normal_(parameter, mean=float(parameter.ndim == 1) / 2, std=0.2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_tokenizer(pad: int = 0, *, marks: bool = True) -> Any:
    """Whole words, no case; between [CLS] and [SEP] where ``marks`` is True."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    order = [*SPECIAL[1 : pad + 1], SPECIAL[0], *SPECIAL[pad + 1 :], *WORDS]
    numbers = {word: number for number, word in enumerate(order)}
    inner = Tokenizer(models.WordLevel(numbers, unk_token="[UNK]"))
    inner.normalizer = normalizers.NFC()
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if marks:
        ends = [(mark, numbers[mark]) for mark in ("[CLS]", "[SEP]")]
        inner.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    names = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, **{f"{name}_token": mark for name, mark in names.items()}
    )


def sentence_folder(
    folder: Path,
    family: str = "bert",
    pooling: Any = "mean",
    *,
    after: Callable[..., list[Any]] | None = None,
    **options: Any,
) -> Any:
    """A sentence-transformers model around a tiny network, saved to ``folder`` by its own library.

    Args:
        folder: where it is saved.
        family: of the network.
        pooling: one mode or several.
        after: the modules after the pooling, given its width.
        options: of the model.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    inner = folder.with_name(f"{folder.name}-inner")
    transformer = Transformer(
        str(save_family(family, inner)),
        max_seq_length=options.pop("max_seq_length", 20),
        do_lower_case=options.pop("do_lower_case", False),
    )
    pool = Pooling(transformer.get_embedding_dimension(), pooling, **options.pop("pool", {}))
    rest = after(pool.get_embedding_dimension()) if after else []
    model = SentenceTransformer(modules=[transformer, pool, *rest], device="cpu", **options).eval()
    model.save(str(folder), create_model_card=False)
    return model


_TEXT_SHAPE = {**_SHAPE, "max_position_embeddings": 40}
_VISION = {**_SHAPE, "image_size": 16, "patch_size": 8}
_BOTH = {"projection_dim": 12, "text_config": _TEXT_SHAPE, "vision_config": _VISION}

DUALS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "clip": ("CLIPConfig", _BOTH),
    "siglip": ("SiglipConfig", {**_BOTH, "text_config": {**_TEXT_SHAPE, "projection_size": 16}}),
    "siglip2": (
        "Siglip2Config",
        {
            "text_config": {**_TEXT_SHAPE, "projection_size": 16},
            "vision_config": {**_SHAPE, "patch_size": 8, "num_patches": 4},
        },
    ),
    "metaclip_2": ("MetaClip2Config", _BOTH),
    "chinese_clip": ("ChineseCLIPConfig", _BOTH),
    "altclip": ("AltCLIPConfig", {**_BOTH, "text_config": {**_TEXT_SHAPE, "project_dim": 16}}),
    "groupvit": (
        "GroupViTConfig",
        {
            **_BOTH,
            "projection_intermediate_dim": 8,
            "vision_config": {
                **_VISION,
                "depths": [1, 1, 1],
                "num_group_tokens": [2, 2, 0],
                "num_output_groups": [2, 2, 0],
            },
        },
    ),
    "blip": ("BlipConfig", {**_BOTH, "text_config": {**_TEXT_SHAPE, "encoder_hidden_size": 16}}),
    "owlvit": ("OwlViTConfig", _BOTH),
    "align": (
        "AlignConfig",
        {"projection_dim": 12, "text_config": _TEXT_SHAPE, "vision_config": {"hidden_dim": 12}},
    ),
    "clap": (
        "ClapConfig",
        {
            "projection_dim": 12,
            "text_config": _TEXT_SHAPE,
            "audio_config": {
                "hidden_size": 16,
                "patch_embeds_hidden_size": 8,
                "depths": [1, 1],
                "num_attention_heads": [2, 2],
                "num_hidden_layers": 2,
                "window_size": 2,
                "num_mel_bins": 16,
                "spec_size": 32,
            },
        },
    ),
}
"""Model type of a model that compares texts with another modality → its configuration, and what makes it tiny."""


def save_dual(family: str, folder: Path, **options: Any) -> Path:
    """A folder as ``save_pretrained`` writes it: network of both modalities, configuration, tokenizer."""
    import transformers

    name, shape = DUALS[family]
    tokenizer = tiny_tokenizer()
    tokenizer.model_max_length = 30
    numbers = {"pad": tokenizer.pad_token_id, "bos": tokenizer.cls_token_id, "eos": tokenizer.sep_token_id}
    text = {
        **shape["text_config"],
        "vocab_size": len(tokenizer),
        **{f"{mark}_token_id": number for mark, number in numbers.items()},
        **options,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = transformers.AutoModel.from_config(
            getattr(transformers, name)(**{**shape, "text_config": text})
        )
        for parameter in model.parameters():  # norms and biases, too, shall matter
            torch.nn.init.normal_(parameter, mean=float(parameter.ndim == 1) / 2, std=0.2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
