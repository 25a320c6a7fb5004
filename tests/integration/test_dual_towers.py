"""CLIP's two towers, frozen, in a joint encoder: class names are the support, pictures are asked about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from kshot import FewShotClassifier, results
from kshot.cli import main
from PIL import Image

pytest.importorskip("kshot_image")
pytest.importorskip("kshot_text")
pytest.importorskip("transformers")

COLOURS = {
    "black": (10, 10, 10),
    "white": (245, 245, 245),
    "red": (230, 20, 20),
    "green": (20, 200, 20),
    "blue": (20, 20, 230),
    "yellow": (240, 240, 20),
    "purple": (130, 20, 160),
    "orange": (250, 140, 0),
    "pink": (250, 170, 200),
    "brown": (110, 60, 20),
    "grey": (128, 128, 128),
    "cyan": (0, 220, 220),
}
SPLITS = {"train": list(COLOURS)[:6], "validation": list(COLOURS)[6:8], "test": list(COLOURS)[8:]}
SIDE = 16


def picture(colour: str, generator: np.random.Generator) -> Image.Image:
    noise = generator.normal(0, 8, (SIDE, SIDE, 3))
    return Image.fromarray((np.array(COLOURS[colour]) + noise).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a folder a colour."""
    folder = tmp_path_factory.mktemp("colours")
    generator = np.random.default_rng(0)
    for colour in COLOURS:
        (folder / colour).mkdir()
        for number in range(8):
            picture(colour, generator).save(folder / colour / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CLIP that learnt what the colours are called, saved as its users save it."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, PreTrainedTokenizerFast
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    folder = tmp_path_factory.mktemp("clip")
    numbers = {
        word: number for number, word in enumerate(("<pad>", "<start>", "<end>", *COLOURS, "a", "photo"))
    }
    inner = Tokenizer(models.WordLevel(numbers, unk_token="<pad>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [(mark, numbers[mark]) for mark in ("<start>", "<end>")]
    inner.post_processor = processors.TemplateProcessing(single="<start> $A <end>", special_tokens=ends)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", eos_token="<end>")
    tokenizer.save_pretrained(folder)
    processor = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    processor.save_pretrained(folder)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    marks = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    text = {**shape, **marks, "vocab_size": len(numbers), "max_position_embeddings": 8}
    vision = {**shape, "image_size": SIDE, "patch_size": 8}
    generator = np.random.default_rng(1)
    words = tokenizer(list(COLOURS), return_tensors="pt", return_token_type_ids=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8))
        learns = torch.optim.Adam(model.parameters(), 3e-3)
        for _ in range(200):
            seen = processor([picture(colour, generator) for colour in COLOURS], return_tensors="pt")
            loss = model(**words, **seen, return_loss=True).loss
            learns.zero_grad()
            loss.backward()
            learns.step()
    model.eval().save_pretrained(folder)
    return folder


def configuration(clip: Path, pictures: Path) -> dict[str, Any]:
    both = {"use": "aligned", "of": ["photos", "names"], "query": "photos"}
    return {
        "name": "zero-shot",
        "sources": {
            "photos": {"use": "image_table", "path": str(pictures), "split": SPLITS},
            "names": {"use": "class_names", "of": "photos"},
            "named": {**both, "support": "names", "directions": "one"},
            "helped": {
                **both,
                "support": {"photos": 1, "names": 1},
                "train": {"shot": 2},
                "evaluate": {"shapes": ["4w2s"]},
            },
        },
        "encoders": {
            "mixed": {
                "use": "joint",
                "image": {"use": f"hf-image:{clip}", "pooling": "shared"},
                "text": f"hf-text:{clip}",
                "dim": None,
            }
        },
        "learners": [
            "prototypical",
            "matching",
            "siamese",
            {"use": "maml", "adapt": "head", "head": "prototype"},
            {"use": "meta_lstm", "adapt": "head", "head": "prototype", "inner_steps": 2},
            "linear_probe",
        ],
        "train": {"way": 4, "episodes": 8, "meta_batch": 4, "queries": 3, "validations": 0},
        "evaluate": {"shapes": ["4w1s"], "queries": 4, "episodes": 30},
    }


def test_names_of_classes_are_their_support(
    clip: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "zero-shot.yaml", tmp_path / "run"
    path.write_text(yaml.safe_dump(configuration(clip, pictures)))
    assert main(["bench", str(path), "--out", str(out)]) == 0, capsys.readouterr()
    found = results.load(out)
    assert len(found.cells) == 2 * 6
    for cell in found.cells:
        assert cell.status == "finished", cell.error
        [score] = cell.scores
        # Matching's and Siamese's own weights have had eight episodes; the towers have had them all.
        least = 0.6 if cell.learner.startswith(("matching", "siamese")) else 0.95
        assert score.accuracy > least, (cell.id, score.accuracy)
    # The towers are embedded once, and stay what they were.
    told = found.cells[0].options["encoder"]
    assert told["image"]["pooling"] == "shared"
    assert "report.html" in {one.name for one in out.iterdir()}

    # The classifier that the benchmark made answers as CLIP itself does.
    cell = next(one for one in found.cells if one.learner == "prototypical" and one.source == "named")
    named = FewShotClassifier(learner=str(out / "cells" / cell.id))
    asked = SPLITS["test"]
    named.fit([("text", colour) for colour in asked], asked)
    generator = np.random.default_rng(9)
    things = [picture(colour, generator) for colour in asked for _ in range(5)]
    answers = named.predict([("image", thing) for thing in things])
    assert list(answers) == by_clip(clip, things, asked)


def by_clip(folder: Path, things: list[Image.Image], names: list[str]) -> list[str]:
    """Zero-shot classification by transformers."""
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(folder).eval()
    words = AutoTokenizer.from_pretrained(folder)(names, return_tensors="pt", return_token_type_ids=False)
    seen = AutoImageProcessor.from_pretrained(folder)(things, return_tensors="pt")
    with torch.no_grad():
        logits = model(**words, **seen).logits_per_image
    return [names[int(number)] for number in logits.argmax(1)]
