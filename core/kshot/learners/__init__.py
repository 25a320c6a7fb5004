"""The meta-learning methods, one a module; each is registered through the public hooks."""
