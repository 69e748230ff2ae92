"""What ``spinstream device`` shows: the chain of a design, or one junction on its own, as rows and as a picture."""

from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib as mpl

from devicemodels.errors import UserError
from devicemodels.explain_mtj import mtj_rows
from devicemodels.mtj import Mtj, load_mtj
from devicemodels.quantities import Kelvin
from devicemodels.row import Row
from sim.chain import chain_rows, load_sheets
from sim.console import Progress
from sim.design import load_design


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Rows of a device, and the junction in it; none in a design whose memory is SRAM."""

    name: str
    title: str
    temperature: Kelvin
    rows: list[Row]
    mtj: Mtj | None


def describe(design: str, *, mtj: str | None, temperature: Kelvin | None, progress: Progress) -> Shown:
    """Rows of ``design``, or, if ``mtj`` names a sheet, of that junction alone.

    Raises
    ------
    UserError
        A sheet or design is unknown or wrong, the temperature out of range, or physics cannot build the bank.
    """
    with progress.step("Solve the device models"):
        if mtj is not None:
            sheet, kelvin = load_mtj(mtj), 300.0 if temperature is None else temperature
            rows = mtj_rows(sheet, temperature=kelvin)
            name = sheet.device.name
            return Shown(name=name, title=f"{name}: {sheet.title}", temperature=kelvin, rows=rows, mtj=sheet.device)
        chosen = load_design(design)
        if temperature is not None:
            chosen = replace(chosen, memory=replace(chosen.memory, temperature_k=temperature))
        return Shown(
            name=chosen.name,
            title=f"{chosen.name}: {chosen.description}",
            temperature=chosen.memory.temperature_k,
            rows=chain_rows(chosen),
            mtj=load_sheets(chosen).mtj.device if chosen.memory.kind == "mram" else None,
        )


def draw(shown: Shown, *, progress: Progress) -> str:
    """Draw the junction into ``./NAME.svg`` and return that path.

    Raises
    ------
    UserError
        There is no junction, since the design's memory is SRAM.
    """
    from sim.report.charts import STYLE
    from sim.report.junction_chart import junction_chart

    if shown.mtj is None:
        raise UserError(f"--plot draws a junction, but {shown.name} has none (its memory is SRAM); give --mtj SHEET")
    path = Path(f"{shown.name}.svg")
    with progress.step(f"Draw {path}"), mpl.rc_context(STYLE):
        junction_chart(shown.mtj, temperature=shown.temperature).savefig(path)
    return str(path)
