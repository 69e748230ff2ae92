"""A generation of high-bandwidth memory as data: organisation, timing, energy, area. One sheet per generation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from devicemodels.quantities import Joule, Metre, Ratio, Second, Sheet, SquareMetre, load_sheet

BitPerSecond = Annotated[float, "bit/s"]
BytePerSecond = Annotated[float, "B/s"]
Byte = Annotated[float, "B"]
JoulePerBit = Annotated[float, "J/bit"]


@dataclass(frozen=True, kw_only=True)
class HbmStandard:
    """One stack: what JEDEC fixes, timing of a representative part, energy per bit, and what the host pays in silicon.

    A stack has `channels` x `pseudo_channels` independent pseudo-channels of `data_pins` each. `stack_ids` groups of
    dies share a pseudo-channel's pins; each holds `bank_groups` x `banks_per_group` banks. Timing carries the symbols
    of the standard: `t_RCD` activate to read, `t_RP` precharge, `t_CL` read to data, `t_RC` activate to activate of a
    bank, `t_RTP` read to precharge, `t_CCD_S` and `t_CCD_L` read to read in another and in the same bank group,
    `t_RRD_S` activate to activate, `t_FAW` the window that may hold four of them, `t_REFI` the refresh interval,
    `t_RFC_ab` and `t_RFC_pb` an all-bank and a per-bank refresh, `t_CK` the command clock.
    `activate_clocks` and `precharge_clocks` are what a command occupies of the row bus, which all pseudo-channels of a
    channel share. A row is refreshed once in `refreshes_per_period` intervals.

    Energy per bit is split by place: `activation_energy` per page and `core_energy` in the array, `tsv_energy` from the
    global sense amplifiers down to the base die, `phy_energy` for both ends of the interposer at 50 % activity,
    `controller_energy` in the host. `die_edge` is what one stack takes of the host's edge, `phy_edge` the PHY alone.
    """

    name: str
    channels: Ratio
    pseudo_channels: Ratio
    stack_ids: Ratio
    bank_groups: Ratio
    banks_per_group: Ratio
    data_pins: Ratio
    pin_rate: BitPerSecond
    burst_length: Ratio
    page_size: Byte
    capacity: Byte
    activate_clocks: Ratio
    precharge_clocks: Ratio
    refreshes_per_period: Ratio
    t_CK: Second
    t_RCD: Second
    t_RP: Second
    t_CL: Second
    t_RC: Second
    t_RTP: Second
    t_CCD_S: Second
    t_CCD_L: Second
    t_RRD_S: Second
    t_FAW: Second
    t_REFI: Second
    t_RFC_ab: Second
    t_RFC_pb: Second
    activation_energy: Joule
    core_energy: JoulePerBit
    tsv_energy: JoulePerBit
    phy_energy: JoulePerBit
    controller_energy: JoulePerBit
    phy_area: SquareMetre
    controller_area: SquareMetre
    footprint: SquareMetre
    die_edge: Metre
    phy_edge: Metre

    @property
    def banks(self) -> float:
        """Banks behind one pseudo-channel, over all stack IDs."""
        return self.stack_ids * self.bank_groups * self.banks_per_group

    @property
    def pseudo_channels_per_stack(self) -> float:
        """Pseudo-channels of the stack, each with its own data pins."""
        return self.channels * self.pseudo_channels

    @property
    def access_size(self) -> Byte:
        """Bytes of one burst of one pseudo-channel: the smallest access."""
        return self.data_pins * self.burst_length / 8

    @property
    def t_BL(self) -> Second:
        """Time of one burst on the data pins."""
        return self.burst_length / self.pin_rate

    @property
    def pseudo_channel_peak(self) -> BytePerSecond:
        """Pin rate times pins."""
        return self.data_pins * self.pin_rate / 8

    @property
    def peak_bandwidth(self) -> BytePerSecond:
        """Pin rate times pins, over the stack."""
        return self.pseudo_channel_peak * self.pseudo_channels_per_stack


def load_hbm(name_or_path: Path | str) -> Sheet[HbmStandard]:
    """Read a generation by its shipped name (`hbm2`, `hbm2e`, `hbm3`, `hbm3e`, `hbm4`) or by path.

    Raises
    ------
    UserError
        As `load_sheet`.
    """
    return load_sheet("hbm", name_or_path, HbmStandard)
