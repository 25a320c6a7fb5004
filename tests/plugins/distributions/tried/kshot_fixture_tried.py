"""A modality of its own, with parts that keep their contracts and parts that do not."""

from kshot import EncoderSpec, LearnerSpec, MetricSpec, ReaderSpec, SourceSpec, Trial, hookimpl

KSHOT_API = 1
_PARTS = "kshot_fixture_tried_parts"
_ENCODER = "kshot.testing.toy:toy_encoder"


def _encoder(name, factory=_ENCODER, modality="toy", **trial):
    return EncoderSpec(name, "an encoder", factory, modality=modality, trial=Trial(**trial))


@hookimpl
def kshot_encoders():
    return [
        _encoder("sound", options={"dim": 4}),
        _encoder("made", options=f"{_PARTS}:options"),
        _encoder("blind", f"{_PARTS}:Blind"),
        _encoder("excused", f"{_PARTS}:Blind", exceptions={"hostile": "it takes whatever comes"}),
        _encoder("misread", options={"dimm": 4}),
        _encoder("misnamed", exceptions={"hostil": "it takes whatever comes"}),
        _encoder("lost", f"{_PARTS}:nowhere"),
        _encoder("extra", f"{_PARTS}:extra", modules=("kshot_fixture_absent",)),
        _encoder("deeper", f"{_PARTS}:extra", modules=("kshot_fixture_absent.parts.inner", "math.inner")),
        _encoder("weights", needs="weights that nobody has"),
        _encoder("leaving", f"{_PARTS}:leaving"),
        _encoder("elsewhere", modality="place"),
        _encoder("lonely", f"{_PARTS}:Lonely", modality="place"),
    ]


@hookimpl
def kshot_learners():
    factory = "kshot.learners.prototypical:Prototypical"
    return [LearnerSpec("means", "class means", factory, trial=Trial(encoder="sound"))]


@hookimpl
def kshot_sources():
    toy = "kshot.testing.toy:Toy"
    return [
        SourceSpec(
            "points",
            "separable vectors",
            toy,
            modality="toy",
            tiny=True,
            trial=Trial({"classes": 8, "noise": 1.0}),
        ),
        SourceSpec("split", "a split that is none", toy, modality="toy", options={"classes": "many"}),
    ]


@hookimpl
def kshot_metrics():
    return [MetricSpec("share", "accuracy by another name", "kshot.metrics:accuracy")]


@hookimpl
def kshot_readers():
    return [ReaderSpec("toy", "rows of numbers", f"{_PARTS}:Rows", modality="toy")]
