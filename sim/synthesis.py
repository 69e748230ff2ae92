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
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rtl.export.sharing import share_identical
from sim import cells, path_depth
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
        Longest path between registers and memories that passes through its gates. Setup and clock-to-output of the
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
    depth_fo4 : float
        Longest path through gates, in FO4 delays, across modules; the ports of the top count as registers.
    tool : str
        Which version of Yosys said so.
    """

    modules: tuple[ModuleGates, ...]
    depth_fo4: float
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
    def deepest(self) -> str:
        """A module through which the longest path between registers goes."""
        return max(self.modules, key=lambda module: module.depth_fo4).name


def synthesise(
    *,
    sources: Mapping[str, str] | Sequence[Path],
    top: str,
    cache_root: Path,
    blackboxes: Sequence[str] = (),
    progress: Progress | None = None,
) -> Synthesis:
    """Maps a design to gates, or takes the result of the same design from the cache.

    Modules are mapped one by one, those that differ only in their name once; paths are then followed across them.

    Parameters
    ----------
    sources : mapping from file name to Verilog text, or files
    top : str
    cache_root : Path
        The result is kept there as JSON.
    blackboxes : sequence of str
        Modules of which only the ports count: memories. They lie in files of their own.
    progress : callable, optional

    Raises
    ------
    SynthesisError
    ValueError
        A black box shares a file with another module, or has none.
    """
    texts = dict(sources) if isinstance(sources, Mapping) else {path.name: path.read_text() for path in sources}
    texts = {name: share_identical(text) for name, text in texts.items()}
    libraries = _library_files(texts, blackboxes)
    tool = f"pyosys {importlib.metadata.version('pyosys')}"
    own = [Path(__file__).with_name(name).read_text() for name in ("yosys_process.py", "path_depth.py", "synthesis.py")]
    key = content_key(list(texts.items()), top, list(blackboxes), own, cells.liberty(), tool)

    def compute() -> Any:
        if progress is not None:
            progress(f"Yosys counts the gates of {top}")
        with tempfile.TemporaryDirectory(prefix="spinstream-synthesis-") as work:
            netlist = _map(Path(work), texts, libraries, top)
        found = path_depth.models(netlist, top)
        depth = max(found[top].longest, *(model.inside for model in found.values()))
        return {"modules": [asdict(gates) for gates in _gates(netlist, top, found, blackboxes)], "depth": depth}

    found = cached_json(cache_root, f"synthesis-{key}", compute)
    modules = tuple(ModuleGates(**module) for module in found["modules"])
    return Synthesis(modules=modules, depth_fo4=found["depth"], tool=tool)


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


def _map(work: Path, texts: Mapping[str, str], libraries: set[str], top: str) -> dict[str, Any]:
    """Runs Yosys in the folder `work`; the modules of its netlist, those of black boxes empty."""
    for name, text in texts.items():
        (work / name).write_text(_ports_only(text) if name in libraries else text)
    (work / "cells.lib").write_text(cells.liberty())
    (work / "constraints").write_text(_CONSTRAINTS)
    request = {
        "top": top,
        "sources": [name for name in texts if name not in libraries],
        "libraries": sorted(libraries),
        "liberty": "cells.lib",
        "constraints": "constraints",
        "netlist": "netlist.json",
    }
    (work / "request.json").write_text(json.dumps(request))
    log = work / "yosys.log"
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry)
    environment = {**os.environ, "PYTHONPATH": path, "TMPDIR": str(work)}
    command = [sys.executable, "-P", "-m", "sim.yosys_process", "request.json"]
    if run_lines(command, folder=work, environment=environment, log=log) != 0:
        raise SynthesisError(f"Yosys failed on {top}:\n{last_lines(log)}")
    return json.loads((work / "netlist.json").read_text())["modules"]


def _gates(
    netlist: Mapping[str, Any], top: str, models: Mapping[str, path_depth.Model], blackboxes: Sequence[str]
) -> list[ModuleGates]:
    """Cells as areas; every cell has to be a gate, a module or a black box."""
    contents = {name: Counter(cell["type"] for cell in netlist[name]["cells"].values()) for name in models}
    areas = cells.areas()
    for name, types in contents.items():
        strange = sorted(kind for kind in types if kind not in areas and not _is_module(kind, models, blackboxes))
        if strange:
            raise SynthesisError(f"module {name} has cells that no gate can do: {', '.join(strange)}")
    counts: Counter[str] = Counter()
    _count(top, 1, contents, counts)
    modules = [
        ModuleGates(
            name=name,
            count=count,
            nand2_equivalents=sum(areas.get(kind, 0.0) * number for kind, number in contents[name].items()),
            flops=contents[name][cells.FLIP_FLOP],
            depth_fo4=models[name].inside,
        )
        for name, count in counts.items()
    ]
    return sorted(modules, key=lambda module: -module.count * module.nand2_equivalents)


def _is_module(kind: str, models: Mapping[str, path_depth.Model], blackboxes: Sequence[str]) -> bool:
    r"""Whether a cell is an instance, of a black box perhaps with parameters (`$paramod...\sram\WORDS=...`)."""
    return kind in models or any(part in blackboxes for part in kind.split("\\"))


def _count(name: str, times: int, contents: Mapping[str, Counter[str]], counts: Counter[str]) -> None:
    """Adds `times` to the count of a module and of everything below it."""
    counts[name] += times
    for kind, number in contents[name].items():
        if kind in contents:
            _count(kind, times * number, contents, counts)
