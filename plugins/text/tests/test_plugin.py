"""What the plugin registers, and what that costs."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest
from kshot_text import plugin
from kshot_text.datasets import NAMED

SPECS = [*plugin.kshot_encoders(), *plugin.kshot_sources()]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_factory_is_there_and_takes_keywords(spec) -> None:
    module, attribute = spec.factory.split(":")
    factory = getattr(importlib.import_module(module), attribute)
    assert spec.modality == "text"
    assert factory.__doc__
    kinds = {one.kind for one in inspect.signature(factory).parameters.values()}
    assert kinds <= {inspect.Parameter.KEYWORD_ONLY}


def test_names() -> None:
    assert [spec.name for spec in SPECS] == [
        "char_cnn_gru",
        "hf-text",
        "minilm",
        "mini_transformer",
        "tfidf",
        "pydocs",
        "text_table",
        "tiny_texts",
        "typed_words",
        *(spec.name for spec in NAMED),
    ]


def test_the_entry_point_is_light() -> None:
    code = (
        "import sys, kshot_text.plugin as p; p.kshot_encoders(); p.kshot_sources(); "
        "print([m for m in ('torch', 'numpy', 'transformers', 'tokenizers', 'datasets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
