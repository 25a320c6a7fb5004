"""Relation networks for kshot: a learner as a distribution of its own."""
