"""A plugin with a misspelt hook, which pluggy alone would ignore."""

from kshot import EncoderSpec, LearnerSpec, hookimpl

KSHOT_API = 1


@hookimpl
def kshot_encodrs():
    return [EncoderSpec("unseen", "never seen", "math:sqrt", modality="toy")]


@hookimpl
def kshot_learners():
    return [LearnerSpec("spelt", "comes with the misspelt hook", "math:sqrt")]
