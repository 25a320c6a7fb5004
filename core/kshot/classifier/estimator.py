"""The classifier that people use, in the conventions of scikit-learn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import compress
from numbers import Real
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, cast, final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from torch import Tensor

from kshot.classifier.answers import Answer
from kshot.classifier.aside import aside
from kshot.classifier.bundle import Bundle, read_bundle, write_bundle
from kshot.classifier.card import Described, card
from kshot.classifier.copies import differ
from kshot.classifier.curve import CurvePoint
from kshot.classifier.doubts import (
    tell_alike,
    tell_contradictions,
    tell_parts,
    tell_repeats,
    tell_uneven,
)
from kshot.classifier.embedder import Embedder
from kshot.classifier.fitted import Fitted, Parts
from kshot.classifier.neighbours import Neighbour, neighbours
from kshot.classifier.origin import Origin, origin_of
from kshot.classifier.parts import build_reader, distributions_of, modality_of, refuse_folder
from kshot.classifier.provenance import compared
from kshot.classifier.recipe import Recipe
from kshot.classifier.sharing import download, upload
from kshot.classifier.support import Support
from kshot.classifier.temperature import Calibration
from kshot.classifier.things import Given, labels_of, name_of, things_of
from kshot.classifier.threshold import Threshold
from kshot.errors import InputError, KshotError, listing, nearest
from kshot.interfaces import Reader
from kshot.registry import Registry, load_registry

_FILE = "classifier.kshot"


@final
class FewShotClassifier(ClassifierMixin, BaseEstimator):  # pyright: ignore[reportUntypedBaseClass]
    """Classifies one's own pictures, recordings or texts from a handful of examples per class.

    An estimator in the sense of scikit-learn: the constructor keeps what it is given, ``fit`` does the
    work, and ``clone``, pipelines and cross-validation take it. Examples are whatever the encoder's
    modality reads: paths, PIL images, arrays, ``(samples, rate)``, strings.

    A learner with weights of its own (``siamese``, ``matching``, learnt rates) trains these on episodes
    drawn from the support itself, where it has two classes with two examples each; the encoder stays
    as it came. Probabilities are softmax over the learner's logits, divided by a temperature fitted to
    held-out support examples. What is held out is held out of that training too: such a learner is trained
    anew for each of three folds, so that ``fit`` costs four trainings. ``learning_curve`` asks the same three
    again; a classifier that was loaded trains them then.

    Args:
        encoder: a registered encoder that comes with weights, or that has none to train; none:
            ``minilm``, or the one that the learner was trained with.
        learner: a registered learner, or the folder of one that ``kshot bench`` trained:
            ``RUN/cells/ID``, ``RUN/ID``, or ``RUN`` where it holds one alone. It comes with its
            encoder, options, weights and batch statistics, and no example changes them.
        encoder_options: the encoder's options, as in a configuration.
        learner_options: the learner's. ``shrinkage`` of ``prototypical`` and ``simpleshot`` and ``balanced`` of
            ``linear_probe`` are on where they are not given, since people's own classes are seldom of one size.
        unknown: share of known examples that may be refused. None: every example belongs to some class,
            unless ``fit`` is given negatives. 0.05: an example whose embedding is further from all classes
            than 95 % of the known ones are, each left out in turn, is ``"unknown"``. With negatives the
            threshold is where both mistakes are fewest, and refuses no more of the known than that.
        episodes: on which a learner's own weights are trained; 0: none.
        device: ``auto``, ``cpu`` or ``cuda``.
        random_state: seed of what a learner draws, an integer of 0 or more, so that a fit can be repeated.
    """

    def __init__(
        self,
        encoder: str | None = None,
        learner: str | Path = "prototypical",
        *,
        encoder_options: Mapping[str, Any] | None = None,
        learner_options: Mapping[str, Any] | None = None,
        unknown: float | None = None,
        episodes: int = 200,
        device: str = "auto",
        random_state: int = 0,
    ) -> None:
        self.encoder = encoder
        self.learner = learner
        self.encoder_options = encoder_options
        self.learner_options = learner_options
        self.unknown = unknown
        self.episodes = episodes
        self.device = device
        self.random_state = random_state

    @aside()
    def fit(self, X: Any, y: Any = None, negatives: Any = None) -> Self:  # noqa: N803 (scikit-learn's own name)
        """Learn classes from examples.

        Args:
            X: n examples; or a Hugging Face ``Dataset`` or a ``DataFrame``, whose columns are found by their names.
            y: n labels; of a ``Dataset`` or ``DataFrame`` the name of its column (default: ``label``).
            negatives: examples of no class, such as will come up in use; by them the threshold of
                ``"unknown"`` is set. Only their embeddings are kept. None: none.

        Raises:
            KshotError: examples or labels that cannot serve; names them.
        """
        self._check_parameters()
        registry = load_registry()
        things, labels = _pairs(X, y, "fit")
        if len(set(labels)) < 2:
            raise InputError(f"fit: {len(set(labels))} class; a classifier needs examples of two at least")
        origin = self._origin(registry)
        recipe, trained = origin.recipe, origin.trained()
        reader = build_reader(registry, modality_of(registry, recipe.encoder.use))
        examples = Given.read(reader, things, "fit")
        tell_alike(labels, (), "fit")
        tell_parts(labels, "fit")
        tell_contradictions(examples, labels)
        strangers = Given.read(reader, [] if negatives is None else things_of(negatives), "fit, negatives")
        embedder = Embedder.build(registry, recipe, self.device)
        if trained is None:
            embedder.fit(examples.raw)
        else:
            embedder.take_up(trained.encoder)
        parts = Parts.around(registry, recipe, embedder, trained.learner if trained else None)
        if parts.method.favours_large:
            tell_uneven(recipe.learner.use, labels, "fit")
        support = parts.support(examples, labels)
        tell_repeats(_copies(support), len(support), "fit")
        self._fitted = self._to(parts, support, parts.embeddings(strangers))
        return self

    @aside()
    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:  # noqa: N803
        """Add examples, of known classes or of new ones; nothing given before is embedded again.

        Args:
            X: n examples.
            y: n labels.
            classes: taken for scikit-learn's sake; classes are known by their examples.
        """
        del classes
        if not self.__sklearn_is_fitted__():
            return self.fit(X, y)
        now = self._now()
        parts, before = now.parts, now.support
        things, labels = _pairs(X, y, "partial_fit")
        examples = Given.read(parts.reader, things, "partial_fit")
        tell_alike(labels, before.classes, "partial_fit")
        tell_contradictions(examples, labels)
        support = before.with_more(parts.support(examples, labels))
        if parts.method.favours_large:
            tell_uneven(parts.recipe.learner.use, support.labels, "partial_fit", before.labels)
        tell_repeats(_copies(support) - _copies(before), len(labels), "partial_fit")
        self._fitted = self._to(parts, support, now.negatives)
        return self

    def add_class(self, name: Any, examples: Any) -> Self:
        """Add a class, or further examples of one that is known; its name is a label, as ``fit`` takes them."""
        self._now()
        things = things_of(examples)
        return self.partial_fit(things, [name] * len(things))

    @aside()
    def remove_class(self, name: Any) -> Self:
        """Forget a class, by its label as ``fit`` takes them: 3 is ``"3"``.

        Raises:
            KshotError: there is no such class, or only one would be left.
        """
        now = self._now()
        known, name = now.support.classes, name_of(name)
        if name not in known:
            raise KshotError(f"there is no class '{name}'{nearest(name, known)}; there are {listing(known)}")
        if len(known) < 3:
            raise KshotError(f"'{name}' is one of two classes, and one alone is nothing to tell apart")
        self._fitted = self._to(now.parts, now.support.without(name), now.negatives)
        return self

    @aside()
    def add_negatives(self, examples: Any) -> Self:
        """Add examples of no class, by which the threshold of ``"unknown"`` is then set; nothing else changes.

        Args:
            examples: of no class, such as come up in use; only their embeddings are kept.

        Raises:
            KshotError: examples that cannot serve, or no class has two different examples to set a threshold by.
        """
        now = self._now()
        given = Given.read(now.parts.reader, things_of(examples), "add_negatives")
        negatives = torch.cat([now.negatives, now.parts.embeddings(given)])
        self._fitted = now.rejecting(negatives, self.unknown)
        return self

    @aside()
    def remove_negatives(self) -> Self:
        """Forget all examples of no class; ``unknown`` alone then says whether there is a threshold."""
        now = self._now()
        self._fitted = now.rejecting(now.negatives[:0], self.unknown)
        return self

    @aside()
    def predict(self, X: Any) -> NDArray[np.object_]:  # noqa: N803
        """(n,) names of classes; ``"unknown"`` where ``unknown`` is set and an example is like none."""
        now = self._now()
        return now.labels(*now.asked(X))

    @aside()
    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """(n, way) probabilities, in the order of ``classes_``."""
        now = self._now()
        return now.probabilities(now.asked(X)[0])

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:  # noqa: N803
        """Accuracy on n examples and their labels, which are names as ``fit`` takes them: 3 is ``"3"``."""
        from sklearn.metrics import accuracy_score

        things, labels = _pairs(X, y, "score")
        said = self.predict(things)
        return float(accuracy_score(np.asarray(labels, dtype=object), said, sample_weight=sample_weight))

    @aside()
    def answers(self, X: Any, count: int = 3, near: int = 0) -> list[Answer]:  # noqa: N803
        """All that can be said of each of n examples, from one pass of the encoder.

        Args:
            X: n examples.
            count: classes to name for each.
            near: support examples to name for each.

        Raises:
            UnusableError: some cannot be used; its ``reasons`` say which.
        """
        now = self._now()
        logits, embeddings = now.asked(X)
        labels, probabilities = now.labels(logits, embeddings), now.probabilities(logits)
        orders = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
        ranked = [
            [(str(now.classes[k]), float(row[k])) for k in order]
            for row, order in zip(probabilities, orders, strict=True)
        ]
        known = now.familiarity(embeddings).tolist()
        closest = neighbours(embeddings, now.support, near)
        return [Answer(str(labels[i]), ranked[i], known[i], closest[i]) for i in range(len(labels))]

    @aside()
    def decision_function(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """(n, way) logits of the learner; of two classes (n,) by how much the second's exceeds the first's, as
        scikit-learn has it."""
        logits = self._now().asked(X)[0].double().numpy()
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    @aside()
    def familiarity(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """(n,) cosine of each embedding with the mean direction of the nearest class: what
        ``threshold_`` is held against."""
        now = self._now()
        return now.familiarity(now.asked(X)[1]).double().numpy()

    @aside()
    def explain(self, X: Any, count: int = 5) -> list[list[Neighbour]]:  # noqa: N803
        """The support examples nearest to each of n examples, nearest first."""
        if count < 1:
            raise KshotError(f"explain: count={count!r}: ask for one neighbour at least")
        now = self._now()
        return neighbours(now.asked(X)[1], now.support, count)

    @aside()
    def learning_curve(self, draws: int = 50) -> list[CurvePoint]:
        """How accuracy grows with the number of examples of each class, by repeated random splits of the
        support; empty where a class has one example alone. Copies within a class count as one.

        Of a learner with weights of its own that are trained on the support, those are asked that ``fit`` trained
        on what is left of it without each of three folds; all points are measured with these weights.

        Args:
            draws: random splits for each number of examples, one at least.
        """
        now = self._now()
        if draws < 1:
            raise KshotError(f"learning_curve: draws={draws!r}: ask for one random split at least")
        return now.settled.learning_curve(draws, self.random_state)

    @aside()
    def save(self, path: str | Path) -> None:
        """Write the classifier as one file: safetensors with a JSON header, no pickle, whole or not at all.

        Whatever was trained is in it, and a benchmark that it came from is needed no more. Weights that an
        encoder came with and that nothing changed are not written, but their hash: whoever loads the
        file needs the same encoder installed.
        """
        now, parameters = self._now(), self.get_params()
        recipe = now.parts.recipe
        if recipe.cell:  # the place of the benchmark is nobody's business, and may be gone
            parameters["learner"] = recipe.cell
        identity = now.parts.embedder.identity()
        write_bundle(
            Path(path),
            Bundle(
                parameters,
                recipe,
                identity,
                now.support,
                now.settled,
                now.negatives,
                now.calibration,
                distributions_of(load_registry(), recipe),
            ),
        )

    @classmethod
    @aside()
    def load(cls, path: str | Path, device: str = "auto") -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            KshotError: the file is damaged, of a newer version, or of another encoder.
        """
        registry = load_registry()
        stored = read_bundle(Path(path))
        parameters: dict[str, Any] = {**stored.parameters, "device": device}
        try:
            made = cls(**parameters)
        except TypeError as error:
            raise KshotError(f"{path}: made by another version of kshot: {error}") from error
        try:
            made._check_parameters()
            with compared(Path(path), stored.distributions, registry):
                embedder = Embedder.build(registry, stored.recipe, device)
                embedder.resume(stored.identity, stored.support.embeddings)
                lasting = stored.method if stored.recipe.cell else None
                parts = Parts.around(registry, stored.recipe, embedder, lasting)
            made._fitted = made._to(
                parts, stored.support, stored.negatives, stored.method, stored.calibration
            )
        except KshotError:
            raise
        except Exception as error:
            # Tensors that fit nothing: whoever changes them can make the digest right too.
            reason = " ".join(str(error).split()[:30]) or type(error).__name__
            raise KshotError(
                f"{path}: what it holds does not fit together, so it was changed ({reason})"
            ) from error
        return made

    def push_to_hub(
        self,
        repo_id: str,
        *,
        revision: str | None = None,
        token: str | None = None,
        private: bool | None = None,
        commit_message: str = "Upload a kshot classifier",
    ) -> str:
        """Upload what :meth:`save` writes, with a model card, to the Hugging Face hub.

        The file holds the examples, as embeddings, or as prepared inputs for a learner that must see
        them again: whoever may read the repository may read these.

        Args:
            repo_id: ``OWNER/NAME``; the repository is made where there is none.
            revision: branch; default: the main one.
            token: that may write; default: the one that was logged in with.
            private: True for a repository that only its owner sees, where it is new.
            commit_message: of the one commit.

        Returns:
            The commit's address.

        Raises:
            KshotError: not on the hub's terms, or others could not load it since its encoder lies in a
                folder here.
        """
        registry, now = load_registry(), self._now()
        parts = now.parts
        refuse_folder(registry, parts.recipe.encoder)
        described = Described(
            recipe=parts.recipe,
            modality=parts.embedder.modality,
            counts=self.counts_,
            licence=parts.embedder.licence,
            pretrained=parts.embedder.pretrained,
            calibration=now.calibration,
            rejection=now.rejection,
        )
        return upload(
            repo_id,
            self.save,
            card(repo_id, described),
            revision=revision,
            token=token,
            private=private,
            message=commit_message,
        )

    @classmethod
    def from_pretrained(
        cls, repo_id: str, *, revision: str | None = None, token: str | None = None, device: str = "auto"
    ) -> Self:
        """Fetch what :meth:`push_to_hub` uploaded: one file, checked as :meth:`load` checks it.

        Args:
            repo_id: ``OWNER/NAME``.
            revision: branch, tag or commit; default: the main branch.
            token: for a repository that is not public; default: the one that was logged in with.
            device: ``auto``, ``cpu`` or ``cuda``.

        Raises:
            KshotError: there is none, the hub cannot be reached, or the file is refused.
        """
        return cls.load(download(repo_id, revision=revision, token=token), device)

    @property
    def classes_(self) -> NDArray[np.object_]:
        """(way,) sorted names of the classes."""
        return self._now().classes

    @property
    def calibration_(self) -> Calibration:
        """How ``temperature_`` was found, with the calibration error before and after."""
        return self._now().calibration

    @property
    def rejection_(self) -> Threshold | None:
        """The threshold with what it does to known examples and negatives; None where none was asked for."""
        return self._now().rejection

    @property
    def recipe_(self) -> Recipe:
        """What its encoder and learner are built from."""
        return self._now().parts.recipe

    @property
    def temperature_(self) -> float:
        """By which logits are divided."""
        return self._now().calibration.temperature

    @property
    def threshold_(self) -> float | None:
        """Familiarity below which an example is unknown; None: none is."""
        rejection = self._now().rejection
        return None if rejection is None else rejection.familiarity

    @property
    def modality_(self) -> str:
        """The modality of its examples."""
        return self._now().parts.embedder.modality

    @property
    def counts_(self) -> dict[str, int]:
        """Number of examples of each class, in the order of ``classes_``."""
        return dict(sorted(Counter(self._now().support.labels).items()))

    @property
    def different_(self) -> dict[str, int]:
        """Number of examples of each class that differ, in the order of ``classes_``: copies within a class are one."""
        support = self._now().support
        return dict(sorted(Counter(compress(support.labels, differ(support).tolist())).items()))

    @property
    def reader_(self) -> Reader:
        """What makes raw examples of the things that it is given."""
        return self._now().parts.reader

    @property
    def support_size_(self) -> int:
        """Number of examples that it holds."""
        return len(self._now().support)

    @property
    def negatives_(self) -> int:
        """Number of examples of no class that it holds."""
        return len(self._now().negatives)

    @property
    def support_labels_(self) -> tuple[str, ...]:
        """The class of each example that it holds, in the order in which they were given."""
        return self._now().support.labels

    def __getstate__(self) -> dict[str, Any]:
        """For whoever copies or pickles estimators: what is fitted as the bytes that :meth:`save` writes."""
        state = cast("dict[str, Any]", super().__getstate__())
        if not self.__sklearn_is_fitted__():
            return state
        with TemporaryDirectory() as folder:
            self.save(Path(folder, _FILE))
            content = Path(folder, _FILE).read_bytes()
        return {**{name: value for name, value in state.items() if name != "_fitted"}, _FILE: content}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """What :meth:`__getstate__` gave; the encoder is looked for as :meth:`load` does."""
        kept = {name: value for name, value in state.items() if name != _FILE}
        if _FILE in state:
            with TemporaryDirectory() as folder:
                Path(folder, _FILE).write_bytes(state[_FILE])
                made = type(self).load(Path(folder, _FILE), kept["device"])
            kept = {**vars(made), **kept}
        super().__setstate__(kept)

    def __sklearn_is_fitted__(self) -> bool:
        """True after ``fit``."""
        return hasattr(self, "_fitted")

    def _check_parameters(self) -> None:
        share = self.unknown
        if share is not None and not (isinstance(share, Real) and 0 < share < 1):
            raise KshotError(
                f"unknown={self.unknown!r}: give the share of known examples that may be refused"
            )
        for name in ("episodes", "random_state"):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < 0:
                raise KshotError(f"{name}={value!r}: give an integer of 0 or more")

    def _now(self) -> Fitted:
        """What it is at this moment; whoever answers asks once, so that the answer is of one moment.

        Raises:
            NotFittedError: it is nothing yet.
        """
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                "this FewShotClassifier has no classes yet; call fit(examples, labels), or load a saved one"
            )
        return self._fitted

    def _origin(self, registry: Registry) -> Origin:
        return origin_of(registry, self.encoder, self.encoder_options, self.learner, self.learner_options)

    def _to(
        self,
        parts: Parts,
        support: Support,
        negatives: Tensor,
        trained: Mapping[str, Tensor] | None = None,
        calibration: Calibration | None = None,
    ) -> Fitted:
        """What it is to be; nothing changes before that is whole."""
        return Fitted.to(
            parts,
            support,
            negatives,
            unknown=self.unknown,
            episodes=self.episodes,
            seed=self.random_state,
            trained=trained,
            calibration=calibration,
        )


def _copies(support: Support) -> int:
    """Examples that repeat others of their class."""
    return len(support) - int(differ(support).sum())


def _pairs(X: Any, y: Any, who: str) -> tuple[Sequence[Any], tuple[str, ...]]:  # noqa: N803
    column = y or "label" if y is None or isinstance(y, str) else None
    labels, things = labels_of(X, y), things_of(X, column)
    if not len(things):
        raise InputError(f"{who}: no examples were given; give one of each class at least")
    if len(labels) != len(things):
        raise InputError(f"{who}: {len(things)} examples but {len(labels)} labels; give one for each")
    return things, labels
