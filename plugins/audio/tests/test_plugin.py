"""What the plugin declares."""

from __future__ import annotations

import importlib
import subprocess
import sys

import kshot
import pytest
from kshot.options import OptionsOf
from kshot_audio import plugin

SPECS = [*plugin.kshot_encoders(), *plugin.kshot_sources()]


def test_the_hook_interface_is_the_one_of_this_version() -> None:
    assert plugin.KSHOT_API == kshot.KSHOT_API


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_factories_exist_and_their_options_can_be_checked(spec: kshot.EncoderSpec) -> None:
    module, attribute = spec.factory.split(":")
    factory = getattr(importlib.import_module(module), attribute)
    options = OptionsOf(factory)
    assert options.names
    for name in options.names:  # every option stands in the docstring
        assert f"{name}: " in factory.__doc__
    assert spec.modality == "audio"


def test_speech_made_by_a_gpl_engine_says_so() -> None:
    (voices,) = (spec for spec in SPECS if spec.name == "voices")
    assert "GPL-3.0" in voices.licence


def test_declaring_costs_nothing() -> None:
    """The entry point imports neither torch nor what decodes audio."""
    code = (
        "import sys, kshot_audio.plugin as plugin\n"
        "plugin.kshot_encoders(), plugin.kshot_sources()\n"
        "heavy = {'torch', 'numpy', 'torchaudio', 'soundfile', 'espeakng_loader', 'pydantic'}\n"
        "sys.exit(', '.join(sorted(heavy & sys.modules.keys())) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
