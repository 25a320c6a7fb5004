"""A plugin that returns specs of another kind."""

from kshot import EncoderSpec, LearnerSpec, hookimpl

KSHOT_API = 1


@hookimpl
def kshot_encoders():
    return [EncoderSpec("promised", "comes before the mistake", "math:sqrt", modality="toy")]


@hookimpl
def kshot_learners():
    wrong = EncoderSpec("wrong", "no learner", "math:sqrt", modality="toy")
    return [LearnerSpec("fine", "a learner", "math:sqrt"), wrong]
