"""Sheets: what is read, and what is refused with which words."""

import re
import tomllib
from dataclasses import dataclass

import pytest

from devicemodels.errors import UserError
from devicemodels.quantities import (
    SHEETS,
    Metre,
    Ratio,
    SignedRatio,
    Volt,
    field_units,
    load_sheet,
    read_sheet,
    sheet_names,
)


@dataclass(frozen=True, kw_only=True)
class Thing:
    name: str
    length: Metre
    bias: Volt
    share: Ratio
    tilt: SignedRatio = 0.0
    margin: Metre = 0.0


def entry(value="1.5", unit="m", kind="measured"):
    return f'{{ value = {value}, unit = "{unit}", source = "someone2020", where = "table 1", kind = "{kind}" }}'


GOOD = {"length": entry(), "bias": entry("2", "V"), "share": entry("0.5", "1", "assumed")}


def sheet(tmp_path, **changes):
    lines = {**GOOD, **changes}
    path = tmp_path / "thing.toml"
    text = 'name = "thing"\ntitle = "A thing"\n' + "".join(f"{k} = {v}\n" for k, v in lines.items() if v is not None)
    path.write_text(text, encoding="utf-8")
    return path


def test_values_and_origins_come_back(tmp_path):
    found = read_sheet(sheet(tmp_path), Thing)
    assert found.device == Thing(name="thing", length=1.5, bias=2.0, share=0.5)
    assert found.title == "A thing"
    assert found.origins["bias"].source == "someone2020"
    assert found.origins["share"].kind == "assumed"
    assert list(found.origins) == ["length", "bias", "share"]


def test_a_field_with_a_default_may_be_given_or_left_out(tmp_path):
    found = read_sheet(sheet(tmp_path, tilt=entry("-0.5", "1"), margin=entry("2", "m")), Thing)
    assert (found.device.tilt, found.device.margin) == (-0.5, 2.0)
    assert found.origins["tilt"].value == -0.5


def test_units_come_from_the_dataclass():
    assert field_units(Thing) == {"length": "m", "bias": "V", "share": "1", "tilt": "1", "margin": "m"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"length": entry(unit="nm")}, "'length' is given in 'nm' but must be in 'm'"),
        ({"width": entry()}, "has the unknown key 'width'; known keys are bias, length, margin, share, tilt"),
        ({"bias": None}, "lacks the key 'bias' (a number in V)"),
        ({"bias": entry('"high"', "V")}, "'bias' has the value 'high', which is not a number"),
        ({"bias": entry("true", "V")}, "'bias' has the value True, which is not a number"),
        ({"bias": entry("1", "V", "guessed")}, "has the kind 'guessed'; use one of measured, fitted, derived, assumed"),
        ({"bias": "0.7"}, "'bias' must be a table with exactly value, unit, source, where, kind"),
        ({"bias": "{"}, "is not valid TOML"),
        ({"length": entry("0")}, "'length' is 0 m, but must be above zero"),
        ({"length": entry("nan")}, "'length' is nan m, but must be a finite number"),
        ({"length": entry("inf")}, "'length' is inf m, but must be a finite number"),
        ({"tilt": entry("nan", "1")}, "'tilt' is nan, but must be a finite number"),
        ({"margin": entry("-1")}, "'margin' is -1 m, but must be above zero"),
        ({"share": entry("-0.1", "1")}, "'share' is -0.1, but must not be negative"),
    ],
)
def test_a_wrong_sheet_is_refused_in_one_sentence(tmp_path, changes, message):
    with pytest.raises(UserError, match=re.escape(message)):
        read_sheet(sheet(tmp_path, **changes), Thing)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.toml cannot be read"):
        read_sheet(tmp_path / "nowhere.toml", Thing)


def test_an_unknown_name_lists_those_that_exist():
    with pytest.raises(UserError, match=f"no mtj sheet is called 'ikeda'; there are {', '.join(sheet_names('mtj'))}"):
        load_sheet("mtj", "ikeda", Thing)


def test_every_shipped_source_is_in_the_bibliography():
    bibliography = SHEETS.parents[1] / "docs" / "references.bib"
    keys = set(re.findall(r"^@\w+\{(\w+),", bibliography.read_text(encoding="utf-8"), flags=re.M))
    used = {key for path in SHEETS.rglob("*.toml") for key in re.findall(r'source = "(\w+)"', path.read_text("utf-8"))}
    assert len(used) > 10
    assert used <= keys


def test_shipped_sheets_are_found():
    assert {folder.name for folder in SHEETS.iterdir()} >= {"mram", "mtj", "periphery", "sense", "sram", "technology"}
    nodes = ["14nm", "16nm", "22nm", "28nm", "3nm", "40nm", "5nm", "65nm", "7nm", "8nm"]
    assert sheet_names("technology") == nodes


def test_every_assumed_number_is_listed_in_the_docs():
    page = (SHEETS.parents[1] / "docs" / "theory_devices.md").read_text(encoding="utf-8")
    listed = page.partition("## Assumed numbers")[2]
    for path in SHEETS.rglob("*.toml"):
        _, _, entry_text = listed.partition(f"- **{path.parent.name}/{path.stem}**:")
        names = set(re.findall(r"`(\w+)`", entry_text.partition("\n- ")[0]))
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        assert names == {key for key, table in tables.items() if isinstance(table, dict) and table["kind"] == "assumed"}
