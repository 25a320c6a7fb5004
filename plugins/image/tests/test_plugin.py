"""The entry point: light to import, and every factory it names can be called."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from importlib.metadata import entry_points

import pytest
from kshot.interfaces import Encoder, Learner
from kshot.options import OptionsOf
from kshot.specs import Spec
from kshot_image import plugin
from kshot_image.encoders.pixels import pixels

SPECS = [*plugin.kshot_encoders(), *plugin.kshot_sources()]


def resolved(spec: Spec):
    module, attribute = spec.factory.split(":")
    return getattr(import_module(module), attribute)


def test_the_entry_point_leads_here() -> None:
    [entry] = entry_points(group="kshot", name="image")
    assert entry.value == "kshot_image.plugin"
    assert entry.load().KSHOT_API == 1


def test_names() -> None:
    sources = {
        "digits",
        "glyphs",
        "tiny_pictures",
        "written_words",
        "image_table",
        "omniglot",
        "omniglot_runs",
        "cifar_fs",
        "cub",
        "mini_imagenet",
    }
    encoders = {"conv4", "crnn", "efficientnet_lite0", "hf-image", "pixels", "resnet12", "torchvision"}
    assert {spec.name for spec in SPECS} == {*encoders, *sources}
    assert {spec.modality for spec in SPECS} == {"image"}
    assert [spec.name for spec in plugin.kshot_learners()] == ["modified_hausdorff"]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_options_are_documented_and_readable(spec: Spec) -> None:
    factory = resolved(spec)
    for name in OptionsOf(factory).names:
        assert f"\n    {name}: " in (inspect.getdoc(factory) or "")


@pytest.mark.parametrize(
    "spec", [one for one in plugin.kshot_encoders() if not one.takes], ids=lambda spec: spec.name
)
def test_encoders_need_no_options(spec: Spec) -> None:
    if spec.name == "efficientnet_lite0":
        pytest.importorskip("efficientnet_lite_pytorch", reason="its package is not installed")
    encoder = resolved(spec)(**OptionsOf(resolved(spec)).resolve({}).arguments)
    assert isinstance(encoder, Encoder)
    assert encoder.modality == "image"


@pytest.mark.parametrize("spec", plugin.kshot_learners(), ids=lambda spec: spec.name)
def test_learners_need_no_options(spec: Spec) -> None:
    learner = resolved(spec)(pixels())
    assert isinstance(learner, Learner)
    assert list(OptionsOf(resolved(spec), reserved=("encoder",)).names) == []


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("conv4", {"size": 0}, "size"),
        ("conv4", {"width": -1}, "width"),
        ("conv4", {"channels": 2}, "1 or 3"),
        ("pixels", {"size": 0}, "size"),
        ("glyphs", {"per_face": 0}, "per_face"),
        ("glyphs", {"size": 7}, "size"),
        ("omniglot", {"split": "vinyal"}, "vinyals"),
        ("omniglot_runs", {}, "path"),
        ("image_table", {}, "path"),
    ],
)
def test_options_out_of_range_are_told(name: str, options: dict[str, object], message: str) -> None:
    [spec] = [spec for spec in SPECS if spec.name == name]
    [problem] = OptionsOf(resolved(spec)).problems(options, name)
    assert message in problem


def test_the_entry_point_imports_nothing_heavy() -> None:
    code = (
        "import sys, kshot_image.plugin; print(*{'torch', 'numpy', 'PIL', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_factories_import_no_library_that_only_some_runs_need() -> None:
    modules = ", ".join(
        sorted({spec.factory.partition(":")[0] for spec in [*SPECS, *plugin.kshot_learners()]})
    )
    heavy = "{'torchvision', 'matplotlib', 'datasets', 'pyarrow'}"
    code = f"import sys, {modules}; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
