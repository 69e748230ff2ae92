"""The magnetic tunnel junction: energy barrier, critical current, resistance, error rates."""

from devicemodels.mtj.stack import Mtj, load_mtj

__all__ = ["Mtj", "load_mtj"]
