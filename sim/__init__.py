"""From a checkpoint to a program, and from a run to a report."""
