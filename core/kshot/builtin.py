"""The core's own specs, registered through the hooks that anybody's plugin uses."""

from __future__ import annotations

from collections.abc import Sequence

from kshot.hookspecs import hookimpl
from kshot.specs import EncoderSpec, LearnerSpec, MetricSpec, SourceSpec, Trial

KSHOT_API = 1

_RANDOM_ROWS = {"label_equivariance": "each row of the classifier starts at random numbers of its own"}
_LEARNT_ROWS = {"label_equivariance": "each row of the linear head starts from learnt weights of its own"}


@hookimpl
def kshot_learners() -> Sequence[LearnerSpec]:
    """The core's learners."""
    return (
        LearnerSpec(
            name="prototypical",
            summary="a class is the mean of its support embeddings",
            factory="kshot.learners.prototypical:Prototypical",
            paper="Snell, Swersky, Zemel 2017, arXiv:1703.05175",
        ),
        LearnerSpec(
            name="matching",
            summary="attention over the support, whose labels it adds up",
            factory="kshot.learners.matching:Matching",
            paper="Vinyals, Blundell, Lillicrap, Kavukcuoglu, Wierstra 2016, arXiv:1606.04080",
            trial=Trial(
                exceptions={"support_order": "full context embeddings read the support as a sequence"}
            ),
        ),
        LearnerSpec(
            name="siamese",
            summary="a learnt likeness of pairs; the class of the most alike",
            factory="kshot.learners.siamese:Siamese",
            paper="Koch, Zemel, Salakhutdinov 2015; Hadsell, Chopra, LeCun 2006",
        ),
        LearnerSpec(
            name="maml",
            summary="an initialisation from which a few gradient steps suffice",
            factory="kshot.learners.maml:MAML",
            paper="Finn, Abbeel, Levine 2017, arXiv:1703.03400",
            trial=Trial(exceptions=_LEARNT_ROWS),
        ),
        LearnerSpec(
            name="meta_lstm",
            summary="an LSTM that learns how to update a classifier's weights",
            factory="kshot.learners.meta_lstm:MetaLSTM",
            paper="Ravi, Larochelle 2017, OpenReview rJY0-Kcll",
            trial=Trial({"inner_steps": 2, "hidden": 4}, _LEARNT_ROWS),
        ),
        LearnerSpec(
            name="simpleshot",
            summary="nearest mean of centred, normalised embeddings; no training of its own",
            factory="kshot.learners.simpleshot:SimpleShot",
            paper="Wang, Chao, Weinberger, van der Maaten 2019, arXiv:1911.04623",
        ),
        LearnerSpec(
            name="linear_probe",
            summary="logistic regression on frozen embeddings; no training of its own",
            factory="kshot.learners.linear_probe:LinearProbe",
            paper="Tian, Wang, Krishnan, Tenenbaum, Isola 2020, arXiv:2003.11539",
        ),
        LearnerSpec(
            name="baseline++",
            summary="a cosine classifier on frozen embeddings; pretrain the encoder first",
            factory="kshot.learners.baseline_plus:BaselinePlusPlus",
            paper="Chen, Liu, Kira, Wang, Huang 2019, arXiv:1904.04232",
            trial=Trial(
                exceptions={
                    "label_equivariance": "each row of the classifier starts at random numbers of its own"
                }
            ),
        ),
    )


@hookimpl
def kshot_encoders() -> Sequence[EncoderSpec]:
    """The core's encoder, which is made of others."""
    return (
        EncoderSpec(
            name="joint",
            modality="mixed",
            summary="one encoder a modality and a projection each into a common space",
            factory="kshot.encoders.joint:Joint",
            paper="Radford et al. 2021, arXiv:2103.00020",
            parts="of",
            trial=Trial(needs="towers"),
        ),
    )


@hookimpl
def kshot_sources() -> Sequence[SourceSpec]:
    """The core's sources, which are made of others."""
    return (
        SourceSpec(
            name="aligned",
            modality="mixed",
            summary="several sources joined by class name: support in one modality, queries in another",
            factory="kshot.sources.aligned:Aligned",
            parts="of",
            trial=Trial(needs="two sources to join"),
        ),
        SourceSpec(
            name="class_names",
            modality="text",
            summary="the names of another source's classes as texts",
            factory="kshot.sources.class_names:ClassNames",
            paper="Lin, Yu, Kuang, Pathak, Ramanan 2023, arXiv:2301.06267",
            parts="of",
            trial=Trial(needs="a source whose classes are named"),
        ),
    )


@hookimpl
def kshot_metrics() -> Sequence[MetricSpec]:
    """The core's metrics."""
    return (
        MetricSpec(
            name="accuracy",
            summary="share of the queries classified rightly, ties counted by their share",
            factory="kshot.metrics:accuracy",
        ),
        MetricSpec(
            name="cross_entropy",
            summary="mean cross-entropy of the queries, in nats",
            factory="kshot.metrics:cross_entropy",
        ),
        MetricSpec(
            name="equal_error_rate",
            summary="error rate of verifying each query against each class, where both errors are alike",
            factory="kshot.metrics:equal_error_rate",
            customary=("audio",),
        ),
    )
