"""A plugin as it should be."""

from kshot import EncoderSpec, LearnerSpec, hookimpl

KSHOT_API = 1


PARTS = "kshot_fixture_good_parts"


@hookimpl
def kshot_encoders():
    return [
        EncoderSpec("toy", "an encoder", f"{PARTS}:encoder", modality="toy", licence="CC0-1.0"),
        EncoderSpec("own", "an encoder of this plugin only", f"{PARTS}:encoder", modality="toy"),
        EncoderSpec("renamed", "its factory has another name", f"{PARTS}:encodr", modality="toy"),
        EncoderSpec("number", "its factory is a number", f"{PARTS}:NUMBER", modality="toy"),
        EncoderSpec("lost", "it needs what is absent", "kshot_fixture_good_absent:encoder", modality="toy"),
    ]


@hookimpl
def kshot_learners():
    return (LearnerSpec("guess", "guesses", f"{PARTS}:learner", paper="Anon 1901"),)
