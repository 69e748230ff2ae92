"""Closed forms of a stack's bandwidth and latency, for a controller that keeps rows open and reorders its queue.

Bandwidth is the smallest of what pins, banks, activation limits and row-command bus sustain, less the share of time
that refresh takes. A pattern is described by one number, the bytes it reads of a page between activation and precharge:
a stream reads whole pages, random access one burst. docs/theory_hbm.md has the derivation and the simulators beside.
"""

from devicemodels.errors import UserError
from devicemodels.hbm.standard import Byte, BytePerSecond, HbmStandard
from devicemodels.quantities import Ratio, Second

REFRESH = ("none", "all-bank", "per-bank")
"""No refresh, which is also a per-bank refresh hidden behind other banks; all banks at once; bank by bank, in order."""


def unrefreshed_bandwidth(standard: HbmStandard, bytes_per_activation: Byte) -> BytePerSecond:
    """Bandwidth of the stack when `bytes_per_activation` are read of each page that is opened and nothing refreshes.

    Raises
    ------
    UserError
        If `bytes_per_activation` is less than one access or more than a page.
    """
    s = standard
    if not s.access_size <= bytes_per_activation <= s.page_size:
        raise UserError(
            f"{s.name} reads {s.access_size:g} to {s.page_size:g} bytes of an open page, not {bytes_per_activation:g}; "
            "give a number in that range"
        )
    reads = bytes_per_activation / s.access_size
    bank_time = max(s.t_RC, s.t_RCD + (reads - 1) * s.t_CCD_L + s.t_RTP + s.t_RP)
    row_commands = (s.activate_clocks + s.precharge_clocks) * s.t_CK
    per_pseudo_channel = min(
        s.access_size / max(s.t_BL, s.t_CCD_S, s.t_CCD_L / s.bank_groups),
        s.banks * bytes_per_activation / bank_time,
        bytes_per_activation / max(s.t_FAW / 4, s.t_RRD_S),
        bytes_per_activation / (row_commands * s.pseudo_channels),
    )
    return per_pseudo_channel * s.pseudo_channels_per_stack


def refresh_share(standard: HbmStandard, refresh: str, bytes_per_activation: Byte) -> Ratio:
    """Share of time in which refresh keeps a pseudo-channel from delivering, 0 to 1.

    An all-bank refresh stops a pseudo-channel from the last read before it to the first one after it. A per-bank
    refresh is held here by a controller that serves it in order: it closes its bank, unless that is closed already, and
    nothing else starts in either pseudo-channel of the channel meanwhile. The precharge itself costs a read slot where
    it occupies a whole clock (HBM2); where it takes half of one, reads of banks that reopen meanwhile regain the slot.

    Raises
    ------
    UserError
        If `refresh` is not one of `REFRESH`, or refresh leaves no time for reads; as `unrefreshed_bandwidth`.
    """
    s = standard
    if refresh not in REFRESH:
        raise UserError(f"no refresh scheme is called '{refresh}'; use one of {', '.join(REFRESH)}")
    if refresh == "none":
        return 0.0
    if refresh == "all-bank":
        busy = s.t_RTP + s.t_RP + s.t_RFC_ab + s.t_RCD
    else:
        page_time = s.banks * s.pseudo_channels_per_stack * bytes_per_activation
        page_time /= unrefreshed_bandwidth(s, bytes_per_activation)
        held = s.t_RP + int(s.precharge_clocks) * s.t_CK
        busy = s.banks * s.pseudo_channels * held * max(0.0, 1 - s.t_RP / page_time)
    if busy >= s.t_REFI:
        raise UserError(
            f"{s.name} is busy with {refresh} refresh for {busy * 1e9:.0f} ns in every {s.t_REFI * 1e9:.0f} ns and "
            "never reads; shorten the refresh or take another scheme"
        )
    return busy / s.t_REFI


def bandwidth(standard: HbmStandard, *, bytes_per_activation: Byte, refresh: str) -> BytePerSecond:
    """Sustained read bandwidth of the stack; raises `UserError` as `refresh_share`."""
    share = refresh_share(standard, refresh, bytes_per_activation)
    return (1 - share) * unrefreshed_bandwidth(standard, bytes_per_activation)


def streaming_bandwidth(standard: HbmStandard, refresh: str) -> BytePerSecond:
    """Bandwidth of sequential reads spread over all banks; raises `UserError` as `refresh_share`."""
    return bandwidth(standard, bytes_per_activation=standard.page_size, refresh=refresh)


def random_bandwidth(standard: HbmStandard, refresh: str) -> BytePerSecond:
    """Bandwidth of single accesses to random pages, with a deep queue; raises `UserError` as `refresh_share`."""
    return bandwidth(standard, bytes_per_activation=standard.access_size, refresh=refresh)


def unloaded_latency(standard: HbmStandard) -> Second:
    """First command to last data of a lone read whose bank holds another row open: t_RP + t_RCD + t_CL + t_BL.

    The host's queue, network and PHY come on top.
    """
    return standard.t_RP + standard.t_RCD + standard.t_CL + standard.t_BL


def loaded_latency(standard: HbmStandard, *, bandwidth: BytePerSecond, queue: float, row_hit: bool) -> Second:
    """Mean latency at `bandwidth` of the stack when each channel's queue holds `queue` accesses, by Little's law.

    After the queue come t_CL and t_BL, and t_RCD for a read that opens its row (`row_hit` false).
    """
    waiting = queue * standard.access_size * standard.channels / bandwidth
    return waiting + standard.t_CL + standard.t_BL + (0.0 if row_hit else standard.t_RCD)
