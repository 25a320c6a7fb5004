"""Open-set evaluation: what is drawn, what is measured, and that known queries do not notice."""

from __future__ import annotations

import importlib
import math
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from kshot.builtin import kshot_learners
from kshot.classifier.neighbours import familiarity
from kshot.classifier.support import Support
from kshot.config import Loading
from kshot.errors import CellError, DataError
from kshot.evaluation import Scored, evaluate
from kshot.interfaces import Learner
from kshot.learners.maml import MAML
from kshot.learners.prototypical import Prototypical
from kshot.loading import Loader, PartedLoader, StreamingLoader, make_loader
from kshot.metrics import auroc, detection_error, false_positive_rate, hits, oscr
from kshot.outcomes import Knownness, Outcomes, read_outcomes, write_outcomes
from kshot.rejection import BY_LOGITS, Rejection, nearest_cosine
from kshot.sampling import FixedSampler, OtherClasses, OutOfScope, Sampler
from kshot.shapes import Range, Shape
from kshot.sources import Aligned
from kshot.specs import LearnerSpec
from kshot.statistics import rejection
from kshot.testing import Toy, toy_encoder
from scipy.optimize import brentq
from sklearn.metrics import roc_auc_score, roc_curve

CPU = torch.device("cpu")
SHAPE = Shape(4, 2, 3)
ASKED = Rejection(classes=3, queries=2, seed=9)
MEASURES = {"unknown_auroc", "unknown_fpr95", "unknown_oscr", "unknown_eer"}


def setting(shape: Shape = SHAPE, noise: float = 3.0) -> tuple[Loader, Sampler]:
    source = Toy(classes=12, noise=noise)
    catalogue = source.catalogue("test")
    return make_loader(source, catalogue, toy_encoder(), CPU, Loading()), Sampler(catalogue, "test", shape, 1)


def scores(seed: int, episodes: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    known = torch.randn(episodes, 20, generator=generator).double() + 1
    unknown = torch.randn(episodes, 14, generator=generator).double()
    return known.round(decimals=1), unknown.round(decimals=1)  # with ties


@pytest.mark.parametrize("seed", range(3))
def test_auroc_is_that_of_scikit_learn(seed: int) -> None:
    known, unknown = scores(seed)
    for found, inside, outside in zip(auroc(known, unknown), known, unknown, strict=True):
        truth = [1] * len(inside) + [0] * len(outside)
        assert found.item() == pytest.approx(roc_auc_score(truth, torch.cat([inside, outside])))


@pytest.mark.parametrize("seed", range(3))
def test_the_rate_at_95_percent_and_the_equal_error_are_read_off_the_roc_curve(seed: int) -> None:
    known, unknown = scores(seed)
    rates = zip(false_positive_rate(known, unknown), detection_error(known, unknown), strict=True)
    for (rate, error), inside, outside in zip(rates, known, unknown, strict=True):
        truth = [1] * len(inside) + [0] * len(outside)
        wrong, right, _ = roc_curve(truth, torch.cat([inside, outside]), drop_intermediate=False)
        assert rate.item() == pytest.approx(wrong[right >= 0.95][0])
        crossing = brentq(lambda x, a=wrong, b=right: 1 - x - np.interp(x, a, b), 0, 1)
        assert error.item() == pytest.approx(crossing)


@pytest.mark.parametrize("seed", range(3))
def test_oscr_is_the_area_that_a_loop_over_thresholds_finds(seed: int) -> None:
    known, unknown = scores(seed)
    right = (torch.rand(known.shape, generator=torch.Generator().manual_seed(seed)) < 0.7).double()
    for found, inside, outside, good in zip(oscr(known, unknown, right), known, unknown, right, strict=True):
        area, last = 0.0, (0.0, 0.0)
        for threshold in sorted({*inside.tolist(), *outside.tolist()}, reverse=True):
            accepted = sum(value >= threshold for value in outside.tolist()) / len(outside)
            answered = sum(
                value >= threshold and bool(one)
                for value, one in zip(inside.tolist(), good.tolist(), strict=True)
            ) / len(inside)
            area += (accepted - last[0]) * (answered + last[1]) / 2
            last = accepted, answered
        assert found.item() == pytest.approx(area)


def test_without_a_wrong_answer_oscr_is_auroc_and_a_collapsed_model_guesses() -> None:
    known, unknown = scores(0)
    assert torch.allclose(oscr(known, unknown, torch.ones_like(known)), auroc(known, unknown))
    flat, other = torch.zeros(2, 5), torch.zeros(2, 7)
    assert auroc(flat, other).tolist() == [0.5, 0.5]
    assert detection_error(flat, other).tolist() == pytest.approx([0.5, 0.5])
    assert false_positive_rate(flat, other).tolist() == [1.0, 1.0]
    # As many must pass as are asked for, and rounding asks for no more: 0.55 · 100 lies above 55.
    assert false_positive_rate(torch.arange(100.0)[None], torch.tensor([[44.5, 45.5]]), 0.55).tolist() == [
        0.5
    ]


def test_a_tie_between_classes_counts_by_its_share() -> None:
    logits = torch.tensor([[[1.0, 1.0], [0.0, 2.0]]])
    assert hits(logits, torch.tensor([[0, 1]])).tolist() == [[0.5, 1.0]]


def test_scores_rank_as_their_formulas_do() -> None:
    logits = torch.randn(2, 8, 5, generator=torch.Generator().manual_seed(0)).double()
    assert torch.equal(BY_LOGITS["max_logit"](logits), logits.amax(-1))
    assert torch.allclose(BY_LOGITS["max_softmax"](logits).sigmoid(), logits.softmax(-1).amax(-1))
    assert torch.allclose(BY_LOGITS["energy"](logits), logits.exp().sum(-1).log())


def log_odds_of(logits: list[float]) -> float:
    """Of the largest probability, in a thousand digits, by its definition."""
    with localcontext(prec=1000):
        powers = sorted(Decimal(one).exp() for one in logits)
        p = powers[-1] / sum(powers)
        return float((p / (1 - p)).ln())


@pytest.mark.parametrize("scale", [0.1, 1, 30, 300])
def test_the_softmax_is_told_exactly_however_far_apart_logits_lie(scale: float) -> None:
    logits = scale * torch.randn(1, 20, 3, generator=torch.Generator().manual_seed(0)).double()
    logits[0, 0] = scale  # a tie of all
    logits[0, 1, 0] = logits[0, 1, 1] = logits[0, 1].max()  # and of two
    [found] = BY_LOGITS["max_softmax"](logits)
    assert found.tolist() == pytest.approx([log_odds_of(one) for one in logits[0].tolist()])
    assert found[0].item() == pytest.approx(-math.log(2))


def test_between_two_classes_the_softmax_rejects_alike_at_every_scale() -> None:
    generator = torch.Generator().manual_seed(0)
    known, unknown = (torch.randn(4, 30, 2, generator=generator).double() * one for one in (2, 1))
    score = BY_LOGITS["max_softmax"]
    found = [auroc(score(scale * known), score(scale * unknown)) for scale in (1, 1024)]
    assert torch.equal(*found)
    assert found[0].mean() > 0.6


def test_unknown_queries_are_distinct_and_of_classes_that_the_support_does_not_show() -> None:
    _, sampler = setting()
    unknown = OtherClasses(sampler, 3, 2, seed=9)
    numbers = np.arange(200)
    positions = unknown.take(numbers)
    assert positions.shape == (200, 6)
    classes = sampler.catalogue.labels[positions]
    own = sampler.take(numbers).classes
    for row, taken, known in zip(positions, classes, own, strict=True):
        assert len(set(row.tolist())) == 6
        assert np.bincount(taken, minlength=12)[np.unique(taken)].tolist() == [2, 2, 2]
        assert not set(taken.tolist()) & set(known.tolist())
    assert len(np.unique(classes)) == 12  # each is unknown somewhere


def test_unknown_classes_are_equally_likely() -> None:
    _, sampler = setting()
    numbers = np.arange(6000)
    classes = sampler.catalogue.labels[OtherClasses(sampler, 1, 1, seed=9).take(numbers)]
    counts = np.bincount(classes.reshape(-1), minlength=12)
    assert ((counts - 500) ** 2 / 500).sum() < 35  # chi-square of 11 degrees, p < 0.0003


def test_an_episode_has_the_same_unknown_queries_whatever_else_is_asked_for() -> None:
    _, sampler = setting(Shape(Range(3, 5), 2, 3))
    unknown = OtherClasses(sampler, 3, 2, seed=9)
    sizes = sampler.sizes(np.arange(30))
    same = np.flatnonzero((sizes == sizes[4]).all(axis=1))
    together = unknown.take(same)
    for row, number in zip(together, same, strict=True):
        assert np.array_equal(unknown.take(np.array([number]))[0], row)
    assert unknown.manifest(30) == OtherClasses(sampler, 3, 2, seed=9).manifest(30)
    assert unknown.manifest(30) != OtherClasses(sampler, 3, 2, seed=8).manifest(30)
    assert unknown.manifest(30) != unknown.manifest(29)


def test_fixed_episodes_have_unknown_queries_too() -> None:
    _, sampler = setting()
    fixed = FixedSampler(sampler.catalogue, "test", "list", sampler.take(np.arange(8)))
    numbers = np.arange(8)
    classes = sampler.catalogue.labels[OtherClasses(fixed, 8, 1, seed=9).take(numbers)]
    for taken, known in zip(classes, fixed.take(numbers).classes, strict=True):
        assert sorted([*taken, *known]) == list(range(12))


def test_too_few_classes_for_unknown_queries_are_refused_with_the_mend() -> None:
    _, sampler = setting()
    with pytest.raises(DataError, match=r"has 8 with 2 examples, and 9 are asked for; ask for fewer"):
        OtherClasses(sampler, 9, 2, seed=9)


def built(spec: LearnerSpec) -> Learner:
    torch.manual_seed(0)
    module, _, name = spec.factory.partition(":")
    options = {"way": SHAPE.way, "inner_steps": 2} if spec.name in ("maml", "meta_lstm") else {}
    return getattr(importlib.import_module(module), name)(toy_encoder(), **options)


def scored(learner: Learner, policy: str, asked: Rejection | None, noise: float = 3.0) -> Scored:
    loader, sampler = setting(noise=noise)
    if learner.wants_base:
        embedded = learner.encoder(loader.gather(np.arange(len(loader.catalogue)))).detach()
        learner.begin(embedded, torch.from_numpy(loader.catalogue.labels))
    [found] = evaluate(learner, loader, [sampler], 12, batch_statistics=policy, rejection=asked)
    return found


@pytest.mark.parametrize("policy", ["frozen", "support", "query"])
@pytest.mark.parametrize("spec", list(kshot_learners()), ids=lambda spec: spec.name)
def test_every_learner_is_measured_and_its_known_queries_do_not_notice(
    spec: LearnerSpec, policy: str
) -> None:
    alone, beside = scored(built(spec), policy, None), scored(built(spec), policy, ASKED)
    assert set(beside.metrics) == MEASURES
    assert not alone.metrics
    for name in ("accuracy", "labels", "predicted", "rank", "confidence"):
        assert np.array_equal(getattr(alone.outcomes, name), getattr(beside.outcomes, name)), name
    found = {name: one.mean for name, one in beside.metrics.items()}
    assert all(0 <= value <= 1 for value in found.values())
    assert found["unknown_oscr"] <= min(found["unknown_auroc"], beside.accuracy.mean) + 1e-9


def test_where_queries_share_statistics_right_is_what_was_said_beside_the_unknown_ones() -> None:
    torch.manual_seed(0)
    learner = Prototypical(toy_encoder()).eval()
    learner.batch_statistics = "query"
    loader, sampler = setting(noise=6.0)
    [batch] = loader.episodes(sampler, 0, 12, 12)
    queries = ASKED.beside(learner, loader, None, sampler)(np.arange(12))
    with torch.no_grad():
        classify = learner.adapt(batch.support)
        alone, labels = classify(batch.query_inputs), batch.query_labels
        [beside] = [classify((part,))[:, : labels.shape[1]] for part in queries]
        looks = ASKED.looks(learner, classify, batch, alone, queries)
    assert torch.equal(looks.right, hits(beside, labels))
    assert not torch.equal(looks.right, hits(alone, labels))


def test_known_embeddings_keep_their_company_where_an_encoder_rounds_by_it() -> None:
    class Rounding(torch.nn.Module):
        """Kernels are chosen by a batch's size; here the difference is large enough to be seen."""

        def forward(self, inputs):
            values = inputs["values"].flatten(1)
            return values * torch.linspace(1, len(values), values.shape[1])

    alone, beside = (scored(Prototypical(Rounding()), "frozen", asked) for asked in (None, ASKED))
    for name in ("accuracy", "predicted", "rank", "confidence"):
        assert np.array_equal(getattr(alone.outcomes, name), getattr(beside.outcomes, name)), name


def test_separable_classes_are_told_from_unknown_ones_and_a_collapsed_encoder_tells_nothing() -> None:
    learner = Prototypical(toy_encoder())
    assert scored(learner, "frozen", ASKED, noise=0.1).metrics["unknown_auroc"].mean > 0.8

    class Constant(torch.nn.Module):
        def forward(self, inputs):
            return torch.ones(len(inputs["values"]), 4)

    found = scored(Prototypical(Constant()), "frozen", ASKED).metrics
    assert found["unknown_auroc"].mean == pytest.approx(0.5)
    assert found["unknown_fpr95"].mean == 1


@pytest.mark.parametrize("policy", ["frozen", "support", "query"])
def test_the_roads_to_embeddings_and_the_chunks_agree(policy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loader, sampler = setting()
    source = Toy(classes=12)
    learner = Prototypical(toy_encoder())

    def means(through: Loader) -> list[float]:
        [found] = evaluate(learner, through, [sampler], 12, batch_statistics=policy, rejection=ASKED)
        return [found.metrics[name].mean for name in sorted(MEASURES)]

    whole = means(loader)
    streaming = StreamingLoader(source, loader.catalogue, toy_encoder(), CPU, 0)
    assert means(streaming) == pytest.approx(whole)
    for name in ("EMBEDDED_NUMBERS", "RAW_NUMBERS"):
        monkeypatch.setattr(f"kshot.evaluation.batches.{name}", {"cpu": 16 * 20 * 3})
    assert means(loader) == pytest.approx(whole)


@pytest.mark.parametrize("policy", ["frozen", "query"])
@pytest.mark.parametrize("learner", [Prototypical, MAML])
def test_unknown_queries_of_several_parts(learner: type[Learner], policy: str) -> None:
    """Nothing in this encoder depends on companions, so a query looks alike in every pass."""
    parts = {"first": Toy(classes=12, seed=0), "second": Toy(classes=12, seed=1)}
    pair = Aligned(of=parts, support="first", query={"first": 1, "second": 2})
    catalogue = pair.catalogue("test")
    torch.manual_seed(0)
    subject = learner(toy_encoder(norm="none"), **({"way": 4} if learner is MAML else {}))
    loaders = [
        make_loader(one, one.catalogue("test"), subject.encoder, CPU, Loading()) for one in parts.values()
    ]
    sampler = Sampler(catalogue, "test", SHAPE, 1)
    asked = Rejection(classes=3, queries=3, seed=9)
    [found] = evaluate(
        subject,
        PartedLoader(catalogue, loaders),
        [sampler],
        12,
        batch_statistics=policy,
        rejection=asked,
    )
    looks = found.outcomes.unknown
    assert looks is not None
    positions = asked.sampler(sampler).take(np.arange(12))
    for side, at in ((looks.known, sampler.take(np.arange(12)).query), (looks.unknown, positions)):
        for episode in range(12):
            drawn = sampler.take(np.array([episode]))
            inputs = [
                torch.cat(
                    [
                        loaders[catalogue.blocks.of[p]].gather(catalogue.blocks.place[[p]])["values"]
                        for p in row
                    ]
                )
                for row in (drawn.support[0], at[episode])
            ]
            with torch.no_grad():
                support, query = (subject.encoder({"values": one}) for one in inputs)
            labels = torch.from_numpy(drawn.support_labels)
            cosine = nearest_cosine(query[None], support[None], labels, 4)[0]
            kept = torch.from_numpy(side["cosine"]).reshape(12, -1)[episode]
            torch.testing.assert_close(kept, cosine.float(), atol=1e-5, rtol=1e-5)


def test_unknown_queries_whose_logits_are_not_numbers_fail_the_cell() -> None:
    """Known queries alone would not show it."""

    class Odd(Prototypical):
        def adapt(self, support):
            classify, seen = super().adapt(support), []

            def logits(query):
                seen.append(None)
                found = classify(query)
                return found if len(seen) == 1 else found * torch.nan

            return logits

    with pytest.raises(CellError, match="not finite"):
        scored(Odd(toy_encoder()), "frozen", ASKED)


def test_the_cosine_is_the_classifiers_familiarity_and_collapses_to_one_for_a_known_embedding() -> None:
    generator = torch.Generator().manual_seed(0)
    support, query = (torch.randn(n, 5, generator=generator) for n in (12, 7))
    numbers = torch.arange(12) % 3
    own = Support({}, support, tuple("abc"[i] for i in numbers.tolist()))
    found = nearest_cosine(query[None], support[None], numbers[None], 3)[0]
    assert torch.allclose(found, familiarity(query, own).double(), atol=1e-6)
    alone = nearest_cosine(support[None, :3], support[None, :3], numbers[None, :3], 3)
    assert torch.allclose(alone, torch.ones(1, 3, dtype=torch.float64))


@pytest.mark.parametrize("policy", ["frozen", "support", "query"])
def test_every_score_is_kept_and_measures_can_be_had_from_the_file(policy: str, tmp_path: Path) -> None:
    learner = MAML(toy_encoder(), way=SHAPE.way, inner_steps=1)
    found = {}
    for score in [*BY_LOGITS, "cosine"]:
        one = scored(learner, policy, Rejection(3, 2, 9, score))
        write_outcomes(tmp_path / "outcomes.npz", [one.outcomes])
        [kept] = read_outcomes(tmp_path / "outcomes.npz")
        assert set(kept.unknown.known) == {*BY_LOGITS, "cosine"}
        assert kept.unknown.unknown[score].shape == (12, 6)
        for name, values in rejection(kept, score).items():
            assert values.mean().item() == one.metrics[name].mean, name
        found[score] = one.metrics["unknown_auroc"].mean
    assert len(set(found.values())) > 2


def test_measures_of_kept_scores_are_those_of_each_episode() -> None:
    queries = np.array([4, 20, 4])  # episodes of one size lie apart
    ends = np.cumsum(queries)
    known, unknown = (one.numpy() for one in scores(5, 3))
    known = np.concatenate([row[:count] for row, count in zip(known, queries, strict=True)])
    right = np.random.default_rng(0).choice([0.0, 0.5, 1.0], ends[-1])
    nothing = np.zeros(ends[-1], dtype=int)
    kept = Outcomes(
        accuracy=np.zeros(3),
        queries=queries,
        labels=nothing,
        predicted=nothing,
        rank=nothing,
        confidence=nothing + 1.0,
        classes=("a",),
        unknown=Knownness({"cosine": known}, {"cosine": unknown}, right),
    )
    found = rejection(kept, "cosine")
    for number, end in enumerate(ends):
        own = slice(end - queries[number], end)
        inside, outside, hit = (
            torch.from_numpy(one)[None] for one in (known[own], unknown[number], right[own])
        )
        assert {name: one[number].item() for name, one in found.items()} == {
            "unknown_auroc": auroc(inside, outside).item(),
            "unknown_fpr95": false_positive_rate(inside, outside).item(),
            "unknown_oscr": oscr(inside, outside, hit).item(),
            "unknown_eer": detection_error(inside, outside).item(),
        }


def test_cosines_are_those_of_the_encoder_before_it_adapts() -> None:
    encoder = toy_encoder()
    adapting, plain = MAML(encoder, way=SHAPE.way, inner_rate=5.0), Prototypical(encoder)
    cosines = [scored(one, "frozen", ASKED).outcomes.unknown.known["cosine"] for one in (adapting, plain)]
    np.testing.assert_allclose(*cosines, atol=1e-6)


@pytest.mark.parametrize("policy", ["frozen", "query"])
def test_queries_of_no_class_come_from_a_loader_of_their_own(policy: str) -> None:
    loader, sampler = setting()
    source = Toy(classes=12, seed=7)
    strangers = source.catalogue("validation")
    outside = make_loader(source, strangers, toy_encoder(), CPU, Loading())
    learner = Prototypical(toy_encoder())
    asked = Rejection(0, 10, 9, outside=strangers)
    alone, beside = (
        evaluate(
            learner,
            loader,
            [sampler],
            12,
            batch_statistics=policy,
            rejection=one,
            outside=outside,
        )[0]
        for one in (None, asked)
    )
    assert np.array_equal(alone.outcomes.confidence, beside.outcomes.confidence)
    assert beside.outcomes.unknown.unknown["max_logit"].shape == (12, 10)
    drawn = OutOfScope(sampler, strangers, 10, 9).take(np.arange(12))
    assert all(len(set(row.tolist())) == 10 for row in drawn)
    with pytest.raises(DataError, match="289 out of scope are asked for, and the source has 288"):
        OutOfScope(sampler, strangers, 289, 9)
