"""Omniglot: 1,623 handwritten characters of 50 alphabets, 20 drawers each (Lake et al., 2015)."""
