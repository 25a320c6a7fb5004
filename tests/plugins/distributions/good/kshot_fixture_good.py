"""A plugin as it should be."""

from kshot import EncoderSpec, LearnerSpec, hookimpl

KSHOT_API = 1


@hookimpl
def kshot_encoders():
    return [
        EncoderSpec(
            "toy", "an encoder", "kshot_fixture_good_parts:encoder", modality="toy", licence="CC0-1.0"
        ),
        EncoderSpec(
            "own", "an encoder of this plugin only", "kshot_fixture_good_parts:encoder", modality="toy"
        ),
        EncoderSpec("lost", "its module needs another", "kshot_fixture_good_absent:encoder", modality="toy"),
        EncoderSpec(
            "renamed", "its factory has another name", "kshot_fixture_good_parts:encodr", modality="toy"
        ),
        EncoderSpec("number", "its factory is a number", "kshot_fixture_good_parts:NUMBER", modality="toy"),
    ]


@hookimpl
def kshot_learners():
    return (LearnerSpec("guess", "guesses", "kshot_fixture_good_parts:learner", paper="Anon 1901"),)
