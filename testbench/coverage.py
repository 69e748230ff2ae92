"""What a run of the simulator has reached of the hardware, module by module."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_YOSYS = "verilog_backend.cc"
"""In the name of a register that is 0 for ever, and that Yosys has every process test."""

_ENTRY = re.compile(r"C '(.*)' (\d+)")


@dataclass(frozen=True, kw_only=True)
class Covered:
    """Points of one kind in a module, and how many of them a run has reached in any of its instances.

    A point is a line or branch of the Verilog, or one bit of a signal that went up or down.
    """

    module: str
    kind: str
    points: int
    reached: int


def read_coverage(path: Path, sources: Iterable[Path] = ()) -> list[Covered]:
    """Verilator's `coverage.dat`, by module and kind; instances of a module count as one.

    With `sources`, what Yosys has put into each process and no run can reach is left out.
    """
    texts = {source.name: source.read_text().splitlines() for source in sources}
    counts: dict[tuple[str, str], Counter[tuple[str, ...]]] = defaultdict(Counter)
    for line in path.read_text(errors="replace").splitlines():
        entry = _ENTRY.fullmatch(line)
        if entry is None:
            continue
        fields = dict(field.split("\x02", 1) for field in entry[1].split("\x01") if field)
        kind, _, module = fields["page"].removeprefix("v_").partition("/")
        point = tuple(fields.get(name, "") for name in ("f", "l", "n", "o"))
        text = texts.get(Path(fields["f"]).name)
        if text is None or _YOSYS not in text[int(fields["l"]) - 1]:
            counts[module, kind][point] += int(entry[2])
    return [
        Covered(module=module, kind=kind, points=len(points), reached=sum(count > 0 for count in points.values()))
        for (module, kind), points in sorted(counts.items())
    ]
