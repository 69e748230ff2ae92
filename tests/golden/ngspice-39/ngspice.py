"""Runs ngspice: the referee of the transistor and of the cell. Nothing here imports the models it judges."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

CARDS = "SPINSTREAM_PTM_CARDS"
"""Environment variable: a folder with 22nm_HP.pm, 32nm_HP.pm and 45nm_HP.pm as published at ptm.asu.edu."""


def executable() -> str | None:
    """Path of ngspice: `SPINSTREAM_NGSPICE`, or the one on the path, or None."""
    return os.environ.get("SPINSTREAM_NGSPICE") or shutil.which("ngspice")


def card(node_nm: int) -> str | None:
    """Text of a PTM high-performance card with its two models named nch and pch; None where there is no such file."""
    folder = os.environ.get(CARDS)
    path = Path(folder or "") / f"{node_nm}nm_HP.pm"
    if not folder or not path.is_file():
        return None
    names = iter((".model nch nmos level = 54", ".model pch pmos level = 54"))
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(next(names) if line.lower().startswith(".model") else line for line in lines)


def run(netlist: str) -> dict[str, np.ndarray]:
    """Run a netlist in batch mode; the tables that its `wrdata NAME.dat` wrote, by name."""
    program = executable()
    assert program is not None
    with tempfile.TemporaryDirectory() as folder:
        deck = Path(folder, "deck.cir")
        deck.write_text(netlist, encoding="utf-8")
        done = subprocess.run([program, "-b", deck.name], cwd=folder, capture_output=True, text=True, check=False)
        tables = {path.stem: np.loadtxt(path, ndmin=2) for path in sorted(Path(folder).glob("*.dat"))}
    if not tables:
        raise RuntimeError(f"ngspice wrote no table:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return tables
