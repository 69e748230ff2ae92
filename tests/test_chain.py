"""From a design to its bank: what the sheets say reaches the bank."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from devicemodels.errors import UserError
from devicemodels.mtj import load_mtj
from devicemodels.quantities import SHEETS
from rtl.memory.code import DEC, SECDED
from sim.chain import chain_rows, load_sheets, organisation, weight_bank
from sim.design import EXAMPLE, design_names, load_design

CODE = {"mram-16nm-4bit": DEC, "mram-16nm-135m": DEC}
"""Of a preset whose reads disturb too much for SECDED."""

MTJ_SHEET = (SHEETS / "mtj" / "mram22.toml").read_text(encoding="utf-8")


def with_tmr(value: float) -> str:
    """The shipped MTJ sheet with another tunnel magnetoresistance."""
    changed, count = re.subn(r"(?m)^(tmr_zero_bias = \{ value = )[0-9.]+", rf"\g<1>{value}", MTJ_SHEET)
    assert count == 1
    return changed


def design_with_mtj(folder: Path, sheet: str) -> Path:
    (folder / "stack.toml").write_text(sheet, encoding="utf-8")
    text = EXAMPLE.read_text(encoding="utf-8")
    lines = ['mtj = "stack.toml"' if line.startswith("mtj =") else line for line in text.splitlines()]
    path = folder / "mine.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", design_names())
def test_every_preset_can_be_built(name):
    design = load_design(name)
    bank = weight_bank(design, load_sheets(design))
    assert (bank.kind, bank.words, bank.data_bits) == (design.memory.kind, design.memory.words, design.format.word_bits)
    assert bank.temperature == design.memory.temperature_k
    assert bank.check_bits == CODE.get(name, SECDED).check_bits(design.format.word_bits)


def test_both_presets_hold_the_same_words():
    assert organisation(load_design("mram-22nm"), SECDED) == organisation(load_design("sram-22nm"), SECDED)


def test_half_the_tmr_makes_the_read_longer(tmp_path):
    whole = load_design("mram-22nm")
    tmr = load_sheets(whole).mtj.device.tmr_zero_bias
    half = load_design(design_with_mtj(tmp_path, with_tmr(tmr / 2)))
    before, after = (weight_bank(design, load_sheets(design)) for design in (whole, half))
    assert after.read_access > 1.1 * before.read_access
    assert after.bandwidth_density < before.bandwidth_density


def test_a_stack_that_the_transistor_cannot_write_is_refused():
    design = load_design("mram-22nm")
    sheets = load_sheets(design)
    heavy = replace(sheets.mtj, device=replace(sheets.mtj.device, damping=0.1))
    with pytest.raises(UserError, match="access transistor is too small to write"):
        weight_bank(design, replace(sheets, mtj=heavy))


def test_an_unknown_sheet_is_refused_with_those_that_exist():
    design = load_design("mram-22nm")
    with pytest.raises(UserError, match=r"'nosuch'.*ikeda2010"):
        load_sheets(replace(design, sheets=replace(design.sheets, mtj="nosuch")))


def test_a_wrong_unit_in_a_sheet_names_both_units(tmp_path):
    nanometres = MTJ_SHEET.replace('unit = "m"', 'unit = "nm"', 1)
    assert nanometres != MTJ_SHEET
    with pytest.raises(UserError, match="is given in 'nm' but must be in 'm'"):
        load_sheets(load_design(design_with_mtj(tmp_path, nanometres)))


def test_the_chain_starts_at_the_sheets_and_ends_at_the_bank():
    design = load_design("mram-22nm")
    rows = chain_rows(design)
    bank = weight_bank(design, load_sheets(design))
    values = {(row.group, row.name): row.value for row in rows}
    assert rows[0].group == "technology"
    assert values["bank", "read access"] == bank.read_access
    assert values["stack", "diameter"] == load_mtj(design.sheets.mtj).device.diameter
    assert {row.kind for row in rows} <= {"measured", "fitted", "derived", "assumed"}
    assert all(row.source for row in rows)
