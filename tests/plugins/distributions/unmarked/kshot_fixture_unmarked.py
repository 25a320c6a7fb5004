"""A plugin with a hook that lacks its mark."""

from kshot import EncoderSpec, LearnerSpec, hookimpl

KSHOT_API = 1


def kshot_encoders():
    return [EncoderSpec("unseen", "never seen", "math:sqrt", modality="toy")]


@hookimpl
def kshot_learners():
    return [LearnerSpec("marked", "comes with the unmarked hook", "math:sqrt")]
