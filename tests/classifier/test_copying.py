"""A fitted classifier in the hands of those that copy and pickle estimators."""

from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from kshot import FewShotClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_validate

from .test_estimator import classifier
from .things import STRANGE, texts

ASKED = ["boil the oven", "brake and road", "the choir drum", *STRANGE]


def through_joblib(made: FewShotClassifier) -> FewShotClassifier:
    stream = io.BytesIO()
    joblib.dump(made, stream)
    stream.seek(0)
    return joblib.load(stream)


@pytest.mark.parametrize("copied", [copy.deepcopy, through_joblib])
@pytest.mark.parametrize("learner", ["prototypical", "siamese", "maml"])
def test_a_copy_answers_the_same_and_goes_its_own_way(learner: str, copied: Any) -> None:
    made = classifier(learner, unknown=0.2).fit(*texts())
    made.add_negatives(["court goal"])
    other = copied(made)
    np.testing.assert_array_equal(other.predict_proba(ASKED), made.predict_proba(ASKED))
    assert other.predict(ASKED).tolist() == made.predict(ASKED).tolist()
    assert (other.calibration_, other.rejection_) == (made.calibration_, made.rejection_)
    assert other.get_params() == made.get_params()
    other.add_class("law", ["a verdict", "the verdict judge"])
    assert len(made.classes_) == 3
    assert made.negatives_ == other.negatives_ == 1


def test_one_that_is_not_fitted_is_copied_too() -> None:
    other = through_joblib(FewShotClassifier("tfidf", Path("no") / "such", unknown=0.3))
    assert (other.learner, other.unknown) == (Path("no") / "such", 0.3)
    with pytest.raises(NotFittedError):
        other.predict(ASKED)


def test_processes_of_a_cross_validation_hand_it_back() -> None:
    words, labels = texts()
    found = cross_validate(FewShotClassifier("tfidf"), words, labels, cv=2, n_jobs=2, return_estimator=True)
    assert [len(one.classes_) for one in found["estimator"]] == [3, 3]
    assert {str(one.predict(["brake the engine"])[0]) for one in found["estimator"]} == {"drive"}
