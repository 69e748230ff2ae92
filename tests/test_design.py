"""Designs: presets, and what a design file must not get wrong."""

import dataclasses
from pathlib import Path

import pytest

from devicemodels.errors import UserError
from sim.design import DESIGNS, Design, design_names, load_design

PRESET = (DESIGNS / "mram-22nm.toml").read_text(encoding="utf-8")


def refused(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_design(path)
    return str(caught.value)


def test_presets_differ_only_in_memory():
    magnetic, static = load_design("mram-22nm"), load_design("sram-22nm")
    assert (magnetic.memory.kind, static.memory.kind) == ("mram", "sram")
    assert magnetic.tile == static.tile
    assert magnetic.sheets == static.sheets


def test_every_preset_is_called_as_its_file():
    assert {"mram-22nm", "sram-22nm"} <= set(design_names())
    assert [load_design(name).name for name in design_names()] == design_names()


def test_a_design_file_is_read_from_its_path(tmp_path):
    path = tmp_path / "mine.toml"
    text = PRESET.replace("lanes = 8", "lanes = 4")  # of the vector unit too
    path.write_text(text, encoding="utf-8")
    preset = load_design("mram-22nm")
    assert load_design(path).tile == dataclasses.replace(preset.tile, lanes=4, vector_lanes=4)


def test_a_sheet_given_as_a_path_lies_beside_its_design(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(_with_sheet("mtj", "half.toml"), encoding="utf-8")
    sheets = load_design(path).sheets
    assert sheets.mtj == str(tmp_path / "half.toml")
    assert sheets.technology == load_design("mram-22nm").sheets.technology


def _with_sheet(key: str, value: str) -> str:
    lines = [f'{key} = "{value}"' if line.startswith(f"{key} =") else line for line in PRESET.splitlines()]
    return "\n".join(lines)


def test_unknown_design_names_those_that_exist():
    with pytest.raises(
        UserError,
        match=r"no design 'sot-7nm': the presets are mram-16nm-135m, mram-16nm-4bit, mram-22nm, mram-22nm-4bit, "
        "sram-16nm-4bit, sram-22nm",
    ):
        load_design("sot-7nm")


def test_a_folder_is_not_a_design(tmp_path):
    with pytest.raises(UserError, match="there is no design"):
        load_design(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\nlanes = 8", "\nlans = 8", "unknown key 'tile.lans': did you mean 'lanes'?"),
        ("\nlanes = 8", "", "the key 'tile.lanes' is missing"),
        ("\nlanes = 8", '\nlanes = "8"', "'tile.lanes' is '8', but it must be a whole number above 0"),
        ("\nlanes = 8", "\nlanes = true", "'tile.lanes' is True, but it must be a whole number above 0"),
        ("\nlanes = 8", "\nlanes = 8.5", "'tile.lanes' is 8.5, but it must be a whole number above 0"),
        ("\nlanes = 8", "\nlanes = 0", "'tile.lanes' is 0, but it must be a whole number above 0"),
        ('kind = "mram"', 'kind = "dram"', "'memory.kind' is 'dram', but it must be one of 'mram', 'sram'"),
        ('name = "mram-22nm"', "name = 3", "'name' is 3, but it must be a text that is not empty"),
        ("[memory]", "[memories]", "unknown key 'memories': did you mean 'memory'?"),
        ("[tile]", "[tile", "is not TOML"),
    ],
)
def test_a_mistake_in_a_file_is_named(tmp_path, old, new, message):
    assert old in PRESET
    assert message in refused(tmp_path, PRESET.replace(old, new))


@pytest.mark.parametrize("value", ["nan", "inf", "-1.0", "0.0", '"hot"'])
def test_a_temperature_is_a_finite_number_above_zero(tmp_path, value):
    lines = [f"temperature_k = {value}" if line.startswith("temperature_k") else line for line in PRESET.splitlines()]
    assert "'memory.temperature_k' is" in refused(tmp_path, "\n".join(lines))


def test_a_section_that_is_no_table_is_named(tmp_path):
    text = PRESET[: PRESET.index("[tile]")]
    assert "'tile' is 8, but it must be a table" in refused(tmp_path, "tile = 8\n" + text)


def test_a_binary_file_is_not_a_design(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="is not TOML"):
        load_design(path)


def test_designs_are_frozen():
    design: Design = load_design("mram-22nm")
    with pytest.raises(dataclasses.FrozenInstanceError):
        design.name = "other"  # type: ignore[misc]
