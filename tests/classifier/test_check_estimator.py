"""scikit-learn's own checks of an estimator, on examples that are rows of numbers.

``check_estimator`` hands over matrices; ``rows`` makes of them a modality like any other. What is left out
stands below by name with its reason; it must fail, or it need not be left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kshot import FewShotClassifier
from sklearn.utils.estimator_checks import check_estimator

from .rows import Numbered, rows_registered

LEFT_OUT = {
    "check_n_features_in": "an example is a picture, a recording or a text, and has no number of features",
    "check_n_features_in_after_fitting": "likewise",
    "check_classifiers_regression_target": "a label is a name, and 1.5 is one too",
    "check_supervised_y_2d": "labels in a column are taken without a warning",
    "check_requires_y_none": "missing labels are told in words of our own; it is a ValueError all the same",
}
NAMES = {
    "check_classifier_data_not_an_array": "subtracts what `predict` answers",
    "check_classifiers_classes": "compares the type of `classes_`",
    "check_classifiers_train": "compares the labels given with those answered",
    "check_methods_sample_order_invariance": "subtracts what `predict` answers",
    "check_methods_subset_invariance": "subtracts what `predict` answers",
    "check_estimators_pickle": "subtracts what `predict` answers",
    "check_fit_idempotent": "subtracts what `predict` answers",
}
"""Passed by the same classifier with its answers as numbers: classes have names, and 3 is named "3"."""
ARRAY_API = "check_array_api_input"
"""Skipped by scikit-learn itself, unless SciPy is told to take other arrays than NumPy's."""


@pytest.fixture(autouse=True, scope="module")
def registered() -> Iterator[None]:
    with rows_registered():
        yield


def checked(made: type[FewShotClassifier]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for one in check_estimator(made("plain"), on_fail=None, on_skip=None):
        found.setdefault(one["check_name"], []).append(one)
    return found


def failed(found: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    return {
        name: repr(one["exception"])[:300]
        for name, every in found.items()
        for one in every
        if one["status"] != "passed"
    }


def test_all_checks_that_apply_pass_and_those_left_out_do_not() -> None:
    found = checked(FewShotClassifier)
    assert len(found) > 45
    assert failed(found).keys() == {*LEFT_OUT, *NAMES, ARRAY_API}, failed(found)


def test_checks_that_compute_with_labels_pass_where_answers_are_numbers() -> None:
    found = checked(Numbered)
    wrong = failed({name: found[name] for name in NAMES})
    assert not wrong
