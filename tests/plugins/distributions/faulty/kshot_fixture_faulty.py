"""Encoders that fail in each way that a device or a library can, and an observer that raises in every hook."""

from kshot import EncoderSpec, SourceSpec, hookimpl

KSHOT_API = 1
_KINDS = {
    "hungry": "runs out of memory beyond so many examples",
    "raising": "raises in the middle of an episode",
    "diverging": "gives what is not a number after some steps",
    "deadly": "ends its process, in one of several",
}


@hookimpl
def kshot_encoders():
    parts = "kshot_fixture_faulty_encoders"
    return [
        EncoderSpec("toy_encoder", "a perceptron", "kshot.testing.toy:toy_encoder", modality="toy"),
        *(
            EncoderSpec(name, what, f"{parts}:{name.title()}", modality="toy")
            for name, what in _KINDS.items()
        ),
    ]


@hookimpl
def kshot_sources():
    return [SourceSpec("toy", "separable vectors", "kshot.testing.toy:Toy", modality="toy")]


@hookimpl
def kshot_cell_started(cell, stage):
    raise ValueError("no ink for the start")


@hookimpl
def kshot_batch_started(batch):
    raise ValueError("no ink for a batch")


@hookimpl
def kshot_cell_finished(cell):
    raise ValueError("no ink for the end")
