"""``python -m kshot``: the same command line as ``kshot``, for launchers that want a module."""

from kshot.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
