"""A plugin that would end the process."""

import sys

sys.exit("goodbye")
