"""Published machines that a tile is set beside, with where each number is from."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PublishedMachine:
    """Memory bandwidth and die area of a machine that exists, as its vendor states them."""

    name: str
    memory: str
    bandwidth_tb_per_s: float
    die_mm2: float
    source: str

    @property
    def density_tb_per_s_mm2(self) -> float:
        """Bandwidth over the area of the logic die alone: stacks of HBM beside it are not counted."""
        return self.bandwidth_tb_per_s / self.die_mm2


MACHINES = (
    PublishedMachine(
        name="NVIDIA H100", memory="80 GB HBM3", bandwidth_tb_per_s=3.35, die_mm2=814,
        source="NVIDIA H100 SXM data sheet (bandwidth) and Hopper architecture paper (die), vendor statements",
    ),
    PublishedMachine(
        name="NVIDIA H200", memory="141 GB HBM3E", bandwidth_tb_per_s=4.8, die_mm2=814,
        source="NVIDIA H200 data sheet (bandwidth), vendor statement; die taken to be the H100's",
    ),
    PublishedMachine(
        name="Groq LPU v1", memory="230 MB SRAM", bandwidth_tb_per_s=80, die_mm2=725,
        source="Groq, 14 nm LPU, vendor statements; its paper at ISCA 2020 gives 55 TiB/s",
    ),
    PublishedMachine(
        name="Cerebras WSE-3", memory="44 GB SRAM", bandwidth_tb_per_s=21_000, die_mm2=46_225,
        source="Cerebras, 5 nm wafer, vendor statements",
    ),
)  # fmt: skip
