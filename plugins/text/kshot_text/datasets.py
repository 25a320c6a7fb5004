"""Data sets with names: where each lies, its columns, its published class splits. Specs only, no import.

The README says where every split was found.
"""

from __future__ import annotations

from typing import Any

from kshot import SourceSpec, Trial

_TABLE = "kshot_text.table:text_table"

_TRIAL = Trial(needs="the data set's own files")


def _folds(name: str) -> dict[str, Any]:
    """ProtAugment's five class splits of one data set."""
    folds = (f"protaugment-{number}" for number in range(1, 6))
    return {fold: {"file": f"kshot_text:splits/{name}.json", "fold": fold} for fold in folds}


_NEWSGROUPS = {
    "train": [
        "rec.autos",
        "rec.motorcycles",
        "rec.sport.baseball",
        "rec.sport.hockey",
        "sci.crypt",
        "sci.electronics",
        "sci.med",
        "sci.space",
    ],
    "validation": [
        "comp.graphics",
        "comp.os.ms-windows.misc",
        "comp.sys.ibm.pc.hardware",
        "comp.sys.mac.hardware",
        "comp.windows.x",
    ],
    "test": [
        "alt.atheism",
        "misc.forsale",
        "soc.religion.christian",
        "talk.politics.guns",
        "talk.politics.mideast",
        "talk.politics.misc",
        "talk.religion.misc",
    ],
}

_SNIPS = {
    "train": ["BookRestaurant", "GetWeather", "PlayMusic", "SearchCreativeWork", "SearchScreeningEvent"],
    "test": ["AddToPlaylist", "RateBook"],
}

NAMED = (
    SourceSpec(
        name="20newsgroups",
        summary="20 newsgroups, 18,846 posts without headers, footers and quotes; from the hub",
        factory=_TABLE,
        trial=_TRIAL,
        paper="Lang, NewsWeeder: Learning to filter netnews, ICML 1995, 331-339",
        licence="none stated; loading only",
        modality="text",
        options={
            "path": "hub:SetFit/20_newsgroups",
            "label": ["label_text", "label"],
            "split": "bao2020",
            "on_error": "skip",
        },
        splits={"bao2020": _NEWSGROUPS},
    ),
    SourceSpec(
        name="banking77",
        summary="77 intents of bank customers, 13,083 questions; from the hub",
        factory=_TABLE,
        trial=_TRIAL,
        paper="Casanueva et al., Efficient intent detection with dual sentence encoders, NLP4ConvAI 2020, 38-45",
        licence="CC-BY-4.0",
        modality="text",
        options={
            "path": "hub:mteb/banking77",
            "label": ["label_text", "category", "label"],
            "split": "protaugment-1",
        },
        splits=_folds("banking77"),
    ),
    SourceSpec(
        name="clinc150",
        summary="150 intents in ten domains, 22,500 questions, and 1,200 out of scope; from the hub",
        factory=_TABLE,
        trial=_TRIAL,
        paper="Larson et al., An evaluation dataset for intent classification and out-of-scope prediction, "
        "EMNLP-IJCNLP 2019, 1311-1316",
        licence="CC-BY-3.0",
        modality="text",
        options={
            "path": "hub:clinc/clinc_oos:plus",
            "label": ["intent", "label"],
            "split": "protaugment-1",
            "out_of_scope": "oos",
        },
        splits=_folds("clinc150"),
    ),
    SourceSpec(
        name="huffpost",
        summary="41 topics of headlines, 900 of each as Bao et al. took them; give `path`",
        factory=_TABLE,
        trial=_TRIAL,
        paper="Misra, News category dataset, arXiv 2209.11429, 2022; Bao et al., Few-shot text classification "
        "with distributional signatures, ICLR 2020",
        licence="CC-BY-4.0",
        modality="text",
        options={"label": ["label", "category"], "split": "bao2020"},
        splits={"bao2020": {"file": "kshot_text:splits/huffpost.json", "fold": "bao2020"}},
    ),
    SourceSpec(
        name="hwu64",
        summary="64 intents of a home assistant in 18 domains; folds keep domains apart; from the hub",
        factory=_TABLE,
        trial=_TRIAL,
        paper="Liu et al., Benchmarking natural language understanding services for building conversational "
        "agents, IWSDS 2019",
        licence="CC-BY-4.0",
        modality="text",
        options={
            "path": "hub:FastFit/hwu_64",
            "text": ["text", "sentence"],
            "label": ["label", "category"],
            "split": "protaugment-1",
        },
        splits=_folds("hwu64"),
    ),
    SourceSpec(
        name="snips",
        summary="seven intents of a voice assistant, 14,484 requests; from the hub; test has two classes",
        factory=_TABLE,
        trial=_TRIAL,
        paper="Coucke et al., Snips voice platform, arXiv 1805.10190, 2018; split: Xia et al., Zero-shot user "
        "intent detection via capsule neural networks, EMNLP 2018, 3090-3099",
        licence="CC0-1.0",
        modality="text",
        options={
            "path": "hub:benayas/snips",
            "label": ["category", "label"],
            "split": "xia2018",
        },
        splits={"xia2018": _SNIPS},
    ),
    SourceSpec(
        name="trec",
        summary="questions by what they ask for, 50 fine or 6 coarse classes, no published class split; from the hub",
        factory=_TABLE,
        trial=_TRIAL,
        paper="Li and Roth, Learning question classifiers, COLING 2002",
        licence="none stated; loading only",
        modality="text",
        options={
            "path": "hub:SetFit/TREC-QC",
            "label": ["label_original", "fine_label", "label"],
        },
    ),
)
