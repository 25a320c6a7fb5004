"""The product: a classifier of one's own things, from a handful of examples."""

from kshot.classifier.answers import Answer
from kshot.classifier.estimator import FewShotClassifier
from kshot.classifier.fitted import UNKNOWN
from kshot.classifier.neighbours import Neighbour
from kshot.classifier.temperature import Calibration
from kshot.classifier.threshold import Threshold

__all__ = ["UNKNOWN", "Answer", "Calibration", "FewShotClassifier", "Neighbour", "Threshold"]
