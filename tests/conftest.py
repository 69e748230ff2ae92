"""Settings of all tests."""

from hypothesis import settings

# The same examples in every run, so that a run that fails can be run again, and no clock: machines are shared.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")
