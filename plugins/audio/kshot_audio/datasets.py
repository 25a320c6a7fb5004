"""Data sets with names: where each lies, its columns, its published class splits. Specs only, no import.

The README says where every split was found.
"""

from __future__ import annotations

from kshot import SourceSpec, Trial

_TABLE = "kshot_audio.tables:audio_table"

_TRIAL = Trial(needs="the data set's own files")

_COMMANDS = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]
_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_OTHERS = ["cat", "tree", "house", "bird", "visual", "backward", "follow", "forward", "learn", "sheila"]

_SPEAKERS = ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]

# Those whose name begins with E are the test speakers of VoxCeleb1's verification task.
_VOXCELEB_TEST = range(10270, 10310)
_VOXCELEB_TRAIN = [number for number in range(10001, 11252) if number not in _VOXCELEB_TEST]

NAMED = (
    SourceSpec(
        name="esc50",
        summary="50 kinds of sound, 40 clips of 5 s each; no class split that could be confirmed; from the hub",
        factory=_TABLE,
        trial=_TRIAL,
        paper="Piczak, ESC: Dataset for environmental sound classification, ACM Multimedia 2015, 1015-1018",
        licence="CC-BY-NC-3.0",
        modality="audio",
        options={
            "path": "hub:ashraq/esc50",
            "audio": ["audio", "filename"],
            "label": "category",
            "example_groups": ["src_file"],
            "files": "../audio",
        },
    ),
    SourceSpec(
        name="fsdd",
        summary="spoken digits of six speakers; class: the speaker, or `label: digit`; give `path` of a table",
        factory=_TABLE,
        trial=_TRIAL,
        paper="Jackson et al., Free spoken digit dataset, Zenodo 1342401, 2018",
        licence="CC-BY-SA-4.0",
        modality="audio",
        options={
            "label": "speaker",
            "example_groups": ["speaker", "digit"],
            "split": "speakers-4-2",
        },
        splits={
            "speakers-4-2": {"train": _SPEAKERS[:4], "test": _SPEAKERS[4:]},
            "speakers-1-5": {"train": _SPEAKERS[:1], "test": _SPEAKERS[1:]},
            "digits-6-4": {"train": [*"012345"], "test": [*"6789"]},
        },
    ),
    SourceSpec(
        name="librispeech",
        summary="who reads? a table of clips, or LibriSpeech's folders (`example_groups: [folder]`); give `path`",
        factory=_TABLE,
        trial=_TRIAL,
        paper="Panayotov et al., Librispeech: an ASR corpus based on public domain audio books, ICASSP 2015, "
        "5206-5210",
        licence="CC-BY-4.0",
        modality="audio",
        options={
            "label": "speaker",
            "example_groups": ["utterance"],
            "split": "within-recording",
        },
        splits={
            "within-recording": {"column": "split", "train": "train", "validation": "val", "test": "test"},
            "across-recordings": {
                "column": "split",
                "train": "train",
                "validation": "val",
                "test": "test_other",
            },
            "clean-100": {
                "column": "split",
                "train": "train-clean-100",
                "validation": "dev-clean",
                "test": "test-clean",
            },
        },
    ),
    SourceSpec(
        name="speech_commands",
        summary="35 spoken words, 105,829 clips of 1 s (version 2); `path`: its folder of word folders",
        factory=_TABLE,
        trial=_TRIAL,
        paper="Warden, Speech commands, arXiv 1804.03209, 2018; split: Chen et al., An investigation of few-shot "
        "learning in spoken term classification, Interspeech 2020, 2582-2586",
        licence="CC-BY-4.0",
        modality="audio",
        options={"split": "chen2020-commands"},
        splits={
            "chen2020-commands": {"train": _DIGITS + _OTHERS, "test": _COMMANDS},
            "chen2020-digits": {"train": _COMMANDS + _OTHERS, "test": _DIGITS},
        },
    ),
    SourceSpec(
        name="voxceleb1",
        summary="1,251 speakers in interviews; `path`: its folder wav; example group `folder` is the video",
        factory=_TABLE,
        trial=_TRIAL,
        paper="Nagrani, Chung and Zisserman, VoxCeleb: a large-scale speaker identification dataset, Interspeech "
        "2017, 2616-2620",
        licence="CC-BY-4.0 for the annotations; the audio is its owners'; loading only",
        modality="audio",
        options={"example_groups": ["folder"], "split": "verification"},
        splits={
            "verification": {
                "train": [f"id{number}" for number in _VOXCELEB_TRAIN],
                "test": [f"id{number}" for number in _VOXCELEB_TEST],
            }
        },
    ),
)
