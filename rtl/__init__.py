"""Hardware: every component stands beside its golden function."""
