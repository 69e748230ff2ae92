"""High-bandwidth memory: the standards as data; bandwidth, latency, energy and area of a stack in closed form."""

from devicemodels.hbm.stack import Band, HbmStack, hbm_stack
from devicemodels.hbm.standard import HbmStandard, load_hbm

__all__ = ["Band", "HbmStack", "HbmStandard", "hbm_stack", "load_hbm"]
