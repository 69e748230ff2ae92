"""Settings of all tests."""

from hypothesis import settings

# The same examples in every run, so that a run that fails can be run again.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")
