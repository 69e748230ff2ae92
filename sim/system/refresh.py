"""What a token's time owes to refresh, on machines whose weights lie in stacks of high-bandwidth memory."""

from devicemodels.hbm import Band, hbm_stack, load_hbm
from sim.system.evaluate import Answer
from sim.system.machine import hbm_generation


def token_band(result: Answer) -> Band | None:
    """Seconds per token over the refresh schemes: from none or a hidden one to the worst; None without such memory.

    The bytes term scales with the share of the peak that streaming reaches under each; the other terms stay.
    """
    generation = hbm_generation(result.machine)
    if generation is None:
        return None
    share = hbm_stack(load_hbm(generation).device).fraction_of_peak
    reached, moving = result.system.engine.bandwidth_fraction, result.terms()["bytes"]
    low, high = (result.token + moving * (reached / one - 1) for one in (share.high, share.low))
    return Band(low=low, high=high)
