"""Settings of all tests."""

import os

from hypothesis import settings

# The same examples in every run, so that a run that fails can be run again, and no clock: machines are shared.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

# Tables as they are in a pipe: those who run tests side by side narrow what they think is a terminal.
os.environ.pop("COLUMNS", None)
