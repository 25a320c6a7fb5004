"""``kshot episodes``: the frozen episodes of a configuration, printed and drawn."""
