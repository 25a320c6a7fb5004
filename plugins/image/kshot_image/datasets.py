"""Data sets with names: where each lies, its columns, its published class splits. Specs only, no import.

The README says where every split was found.
"""

from __future__ import annotations

from typing import Any

from kshot import SourceSpec, Trial

_TABLE = "kshot_image.table:image_table"

_TRIAL = Trial(needs="the data set's own files")


def _listed(name: str, fold: str, **parts: list[str]) -> dict[str, Any]:
    return {"file": f"kshot_image:splits/{name}.json", "fold": fold, **parts}


NAMED = (
    SourceSpec(
        name="cifar_fs",
        modality="image",
        summary="CIFAR-100's 100 classes of 600 pictures, 32x32; from the hub",
        factory=_TABLE,
        trial=_TRIAL,
        paper="Bertinetto et al., Meta-learning with differentiable closed-form solvers, ICLR 2019; Krizhevsky, "
        "Learning multiple layers of features from tiny images, 2009",
        licence="none stated, for research; loading only",
        options={
            "path": "hub:uoft-cs/cifar100",
            "image": ["image", "img"],
            "label": ["fine_label", "label"],
            "split": "bertinetto",
        },
        splits={
            "bertinetto": _listed("cifar_fs", "bertinetto"),
            # For copies without the test classes.
            "validation-as-test": _listed("cifar_fs", "bertinetto", test=["validation"]),
        },
    ),
    SourceSpec(
        name="cub",
        modality="image",
        summary="200 species of birds, 11,788 photographs; `path`: CUB_200_2011/images",
        factory=_TABLE,
        trial=_TRIAL,
        paper="Wah et al., The Caltech-UCSD birds-200-2011 dataset, CNS-TR-2011-001, 2011; split: Chen et al., "
        "A closer look at few-shot classification, ICLR 2019",
        licence="non-commercial research only; loading only",
        options={"split": "chen2019"},
        splits={"chen2019": _listed("cub", "chen2019")},
    ),
    SourceSpec(
        name="mini_imagenet",
        modality="image",
        summary="100 classes of ImageNet, 600 pictures each; `path`: class folders named by wnid",
        factory=_TABLE,
        trial=_TRIAL,
        paper="Vinyals et al., Matching networks for one shot learning, NeurIPS 2016; split: Ravi and Larochelle, "
        "Optimization as a model for few-shot learning, ICLR 2017",
        licence="ImageNet's terms, non-commercial research only; loading only",
        options={"split": "ravi"},
        splits={"ravi": _listed("mini_imagenet", "ravi")},
    ),
)
