"""Gate count and logic depth of Verilog, in units that carry over to any node.

Yosys and ABC map the design to the library of `sim.cells`: area in NAND2 equivalents, delay in FO4. A technology sheet
turns them into square metres and seconds. What the numbers leave out: wires, clock tree, scan, hold buffers.
"""

import importlib.metadata
import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sim import cells
from sim.cache import cached_json, content_key
from testbench.process import last_lines, run_lines
from testbench.store import Progress


class SynthesisError(RuntimeError):
    """Yosys refused the design or left something unmapped; the message says what."""


@dataclass(frozen=True, kw_only=True)
class ModuleGates:
    """Logic of one module, without the modules below it.

    Attributes
    ----------
    name : str
    count : int
        How often it is placed in the whole design.
    nand2_equivalents : float
        Area of one, flip-flops included, as a multiple of a NAND2's.
    flops : int
        Flip-flops in one.
    depth_fo4 : float
        Longest path through its gates, between registers, ports and black boxes. Setup and clock-to-output of the
        flip-flops and access times of memories come on top.
    """

    name: str
    count: int
    nand2_equivalents: float
    flops: int
    depth_fo4: float


@dataclass(frozen=True, kw_only=True)
class Synthesis:
    """A whole design in gates.

    Attributes
    ----------
    modules : tuple of ModuleGates
        Largest total first.
    tool : str
        Which version of Yosys said so.
    """

    modules: tuple[ModuleGates, ...]
    tool: str

    @property
    def nand2_equivalents(self) -> float:
        """Area of all logic as a multiple of a NAND2's."""
        return sum(module.count * module.nand2_equivalents for module in self.modules)

    @property
    def flops(self) -> int:
        """Number of flip-flops."""
        return sum(module.count * module.flops for module in self.modules)

    @property
    def depth_fo4(self) -> float:
        """Longest path through gates in any module, in FO4 delays."""
        return max(module.depth_fo4 for module in self.modules)

    @property
    def deepest(self) -> str:
        """Module with the longest path."""
        return max(self.modules, key=lambda module: module.depth_fo4).name


def synthesise(
    *,
    sources: Mapping[str, str] | Sequence[Path],
    top: str,
    cache_root: Path,
    blackboxes: Sequence[str] = (),
    separate: Sequence[str] = (),
    progress: Progress | None = None,
) -> Synthesis:
    """Maps a design to gates, or takes the result of the same design from the cache.

    Parameters
    ----------
    sources : mapping from file name to Verilog text, or files
    top : str
    cache_root : Path
        The result is kept there as JSON.
    blackboxes : sequence of str
        Modules of which only the ports count: memories. They lie in files of their own.
    separate : sequence of str
        Modules mapped once and placed often, such as a lane; everything else is flattened into the module above it.
        Paths end at their ports, so these should be registers.
    progress : callable, optional

    Raises
    ------
    SynthesisError
    ValueError
        A black box shares a file with another module, or has none.
    """
    texts = dict(sources) if isinstance(sources, Mapping) else {path.name: path.read_text() for path in sources}
    libraries = _library_files(texts, blackboxes)
    tool = f"pyosys {importlib.metadata.version('pyosys')}"
    recipe = (Path(__file__).with_name("yosys_process.py").read_text(), cells.liberty(), _CONSTRAINTS, tool)
    key = content_key(list(texts.items()), top, list(blackboxes), list(separate), recipe)

    def compute() -> Any:
        if progress is not None:
            progress(f"Yosys synthesises {top}")
        with tempfile.TemporaryDirectory(prefix="spinstream-synthesis-") as work:
            modules = _map(Path(work), texts, libraries, top, separate, blackboxes)
        return [asdict(module) for module in modules]

    found = cached_json(cache_root, f"synthesis-{key}", compute)
    return Synthesis(modules=tuple(ModuleGates(**module) for module in found), tool=tool)


_CONSTRAINTS = "set_driving_cell BUF_X2\nset_load 1000\n"
"""Registers and ports drive like a BUF_X2; each end of a path is one inverter's load (a thousandth of ABC's unit)."""


def _library_files(texts: Mapping[str, str], blackboxes: Sequence[str]) -> set[str]:
    """Names of the files that hold the black boxes."""
    defined = {name: set(re.findall(r"^\s*module\s+(\w+)", text, re.MULTILINE)) for name, text in texts.items()}
    missing = set(blackboxes) - set().union(*defined.values())
    if missing:
        raise ValueError(f"no source defines the black boxes {sorted(missing)}")
    files = {name for name, modules in defined.items() if modules & set(blackboxes)}
    mixed = [name for name in files if not defined[name] <= set(blackboxes)]
    if mixed:
        raise ValueError(f"black boxes share a file with other modules: {mixed}")
    return files


def _ports_only(text: str) -> str:
    """The modules of a file with ANSI port lists, without what is in them, which Yosys need not understand."""
    code = re.sub(r"//.*|/\*(.|\n)*?\*/", "", text)
    heads = re.findall(r"^\s*module\s[^;]*;", code, re.MULTILINE)
    return "\n".join(f"{head.strip()}\nendmodule" for head in heads) + "\n"


def _map(
    work: Path, texts: Mapping[str, str], libraries: set[str], top: str, separate: Sequence[str], blackboxes: Sequence[str]
) -> list[ModuleGates]:
    """Runs Yosys in the folder `work`."""
    for name, text in texts.items():
        (work / name).write_text(_ports_only(text) if name in libraries else text)
    (work / "cells.lib").write_text(cells.liberty())
    (work / "constraints").write_text(_CONSTRAINTS)
    request = {
        "top": top,
        "sources": [name for name in texts if name not in libraries],
        "libraries": sorted(libraries),
        "separate": list(separate),
        "liberty": "cells.lib",
        "constraints": "constraints",
        "statistics": "statistics.json",
    }
    (work / "request.json").write_text(json.dumps(request))
    log = work / "yosys.log"
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry)
    environment = {**os.environ, "PYTHONPATH": path, "TMPDIR": str(work)}
    command = [sys.executable, "-P", "-m", "sim.yosys_process", "request.json"]
    if run_lines(command, folder=work, environment=environment, log=log) != 0:
        raise SynthesisError(f"Yosys failed on {top}:\n{last_lines(log)}")
    statistics = json.loads((work / "statistics.json").read_text())["modules"]
    return _gates(statistics, f"\\{top}", _depths(log.read_text()), blackboxes)


def _depths(log: str) -> dict[str, float]:
    """Delay of each module's longest path in FO4, from ABC's `stime` (whose thousand picoseconds are one FO4)."""
    depths = {}
    for part in log.split("\n@module ")[1:]:
        name = part.split("\n", 1)[0]
        delays = re.findall(r"Delay = *([\d.]+) ps", part)
        depths[name] = float(delays[-1]) / 1000 if delays else 0.0
    return depths


def _gates(
    statistics: Mapping[str, Any], top: str, depths: Mapping[str, float], blackboxes: Sequence[str]
) -> list[ModuleGates]:
    """Yosys' cell counts as areas; every cell has to be a gate, a module or a black box."""
    contents: dict[str, dict[str, int]] = {name: data["num_cells_by_type"] for name, data in statistics.items()}
    areas = cells.areas()
    counts: dict[str, int] = {}
    _count(top, 1, contents, counts)
    known = set(areas) | {_plain(name) for name in contents} | set(blackboxes)
    for name in counts:
        strange = sorted({_plain(cell) for cell in contents[name]} - known)
        if strange:
            raise SynthesisError(f"module {_plain(name)} has cells that no gate can do: {', '.join(strange)}")
    modules = [
        ModuleGates(
            name=_plain(name),
            count=count,
            nand2_equivalents=sum(areas.get(cell, 0.0) * n for cell, n in contents[name].items()),
            flops=contents[name].get(cells.FLIP_FLOP, 0),
            depth_fo4=depths.get(name, 0.0),
        )
        for name, count in counts.items()
    ]
    return sorted(modules, key=lambda module: -module.count * module.nand2_equivalents)


def _count(name: str, times: int, contents: Mapping[str, Mapping[str, int]], counts: dict[str, int]) -> None:
    """Adds `times` to the count of a module and of everything below it."""
    counts[name] = counts.get(name, 0) + times
    for cell, number in contents[name].items():
        for module in (cell, f"\\{cell}"):
            if module in contents:
                _count(module, times * number, contents, counts)


def _plain(name: str) -> str:
    """A module's own name: without Yosys' backslash and, of one with parameters, without these."""
    derived = re.match(r"\$paramod[^\\]*\\(\w+)", name)
    return derived.group(1) if derived else name.removeprefix("\\")
