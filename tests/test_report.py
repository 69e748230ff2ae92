"""The report: complete in itself, and true to the measurement."""

import doctest
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from devicemodels.row import Row
from sim.measurement import Measurement, Speculation, measurement_from_dict
from sim.report import units, write_report
from sim.report.charts import breakdown, density_chart
from sim.report.machines import MACHINES
from sim.report.page import render
from sim.report.svg import inline_svg
from sim.report.units import number, three_digits, with_unit

VOID = {"meta", "path", "use", "br", "rect", "stop", "circle", "image"}


ROWS = [Row(group="stack", name="Diameter", value=4e-8, unit="m", source="ikeda2010 <fig. 2>", kind="measured")]


@pytest.fixture(scope="module")
def measurement() -> Measurement:
    return Measurement(
        design="mram-22nm", model="verse", simulator="verilator", prompt="The king", text=" & <all> his men",
        tokens=(4, 5, 6), golden_equal=True, predicted_cycles=15_000, simulated_cycles=15_000, cycles_per_token=5000.0,
        utilisation=0.61, phase_cycles={"weights": 3000, "attention": 2000}, clock_hz=5e8, max_clock_hz=7.2e8,
        tile_area_mm2=1.25, area_mm2={"weight_banks": 0.75, "lanes": 0.5}, bandwidth_density_tb_per_s_mm2=0.0712,
        peak_bandwidth_density_tb_per_s_mm2=0.117, bank_bandwidth_density_tb_per_s_mm2=0.21, tokens_per_s=1e5,
        energy_per_token_j=2e-7, energy_j={"bank_reads": 1.5e-7, "logic": 5e-8},
        weight_words_read=120_000, corrected_words=1, uncorrectable_words=0, macs=3_840_000,
        simulation_s=0.05, build_s=13.0, run_folder="runs/one",
    )  # fmt: skip


@pytest.fixture(scope="module")
def page(measurement) -> str:
    return render(measurement, ROWS, {})


class Balance(HTMLParser):
    """Fails on a tag that is closed out of order or never."""

    def __init__(self):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.ids += [value for key, value in attrs if key == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.ids += [value for key, value in attrs if key == "id"]

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def test_the_page_is_well_formed_and_its_ids_are_unique(page):
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))


def test_the_page_names_no_address(page):
    assert re.findall(r"https?:|//\w|@import|src=", page) == []
    assert all(target.startswith("#") for target in re.findall(r'href="([^"]*)"', page))


def test_every_reference_inside_a_picture_is_defined(page):
    used = set(re.findall(r'href="#([^"]*)"', page)) | set(re.findall(r"url\(#([^)]*)\)", page))
    assert used
    assert used <= set(re.findall(r'id="([^"]*)"', page))


def test_text_of_the_model_and_of_sheets_is_escaped(measurement):
    page = render(measurement, ROWS, {"note": "<b>"})
    assert " &amp; &lt;all&gt; his men" in page
    assert "ikeda2010 &lt;fig. 2&gt;" in page
    assert "<all>" not in page
    assert "<td" in page
    assert "&lt;b&gt;" in page


def test_headline_figures_stand_in_the_page(page):
    for text in ("0.0712 TB/s/mm²", "100,000 tokens/s", "200 nJ/token", "1.25 mm²", "61.0%", "40 nm", "5,000 cycles"):
        assert text in page
    for machine in MACHINES:
        assert machine.name in page


def test_the_page_says_how_many_chips_hold_the_model(measurement, page):
    assert "holds the whole model: one tile on one chip" in page
    board = render(replace(measurement, tiles=8, chips=2), ROWS, {})
    assert "holds the whole model: 8 tiles on 2 chips" in board


def test_a_run_that_is_not_valid_says_so(measurement, page):
    assert 'class="alarm"' not in page
    wrong = render(replace(measurement, golden_equal=False, simulated_cycles=15_001), ROWS, {})
    assert "This run is not valid: the tokens differ from the golden model's and 15,001 cycles were simulated" in wrong


def test_the_report_shows_the_manifest_of_its_folder(measurement, tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"versions": {"verilator": "5.48.0"}, "seed": 7}))
    path = write_report(measurement, ROWS, tmp_path)
    assert path == tmp_path / "report.html"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["manifest.json", "report.html"]
    page = path.read_text(encoding="utf-8")
    assert "versions: verilator" in page
    assert "5.48.0" in page


def test_the_same_measurement_gives_the_same_page(measurement, page):
    assert render(measurement, ROWS, {}) == page


def test_no_label_of_a_chart_is_clipped_or_covers_another(measurement):
    parts = {f"a part with a rather long name {index}": 10.0**-index for index in range(12)}
    for figure in (breakdown(parts, lambda value: f"{value:.6f} mm²"), density_chart(measurement)):
        figure.draw_without_rendering()
        axes = figure.axes[0]
        boxes = [text.get_window_extent() for text in [*axes.texts, *axes.get_yticklabels()]]
        assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in boxes)
        assert not any(a.overlaps(b) for index, a in enumerate(boxes) for b in boxes[index + 1 :])


def test_pictures_of_one_page_share_no_id():
    parts = {"one": 1.0, "two": 2.0}
    first, second = (inline_svg(breakdown(parts, str), name, "x") for name in ("a", "b"))
    ids = [set(re.findall(r'id="([^"]*)"', picture)) for picture in (first, second)]
    assert ids[0]
    assert ids[0].isdisjoint(ids[1])


@pytest.mark.parametrize("parts", [{}, {"nothing": 0.0}])
def test_a_breakdown_of_nothing_is_still_a_picture(parts):
    assert inline_svg(breakdown(parts, str), "empty", "x").startswith("<svg")


def test_published_densities_are_those_of_the_reference_table():
    densities = [round(machine.density_tb_per_s_mm2, 4) for machine in MACHINES]
    assert densities == [0.0041, 0.0059, 0.1103, 0.4543]


DRAFTS = Speculation(
    columns=4, passes=2, tokens_per_pass=1.5, drafted=4, accepted=1, acceptance=0.25, gain=1.2,
    one_column_cycles_per_token=6000.0, one_column_clock_hz=6e8, one_column_tokens_per_s=1e5,
    pass_cycles=(7000, 8000), predicted_pass_cycles=(7000, 8000),
)  # fmt: skip


@pytest.mark.parametrize("drafts", [None, DRAFTS])
def test_a_measurement_survives_json(measurement, drafts):
    measurement = replace(measurement, speculation=drafts)
    values = json.loads(json.dumps({**measurement.as_dict(), "report": "report.html"}))
    assert measurement_from_dict(values) == measurement


def test_what_drafts_gave_stands_in_the_page(measurement, page):
    drafted = render(replace(measurement, speculation=DRAFTS), ROWS, {})
    for text in ("1.20 ×", "one column: 6,000 cycles per token, 100,000 tokens/s at 600 MHz, predicted",
                 "2 passes on 4 columns, 1 of 4 drafts accepted (25.0%)"):  # fmt: skip
        assert text in drafted and text not in page


def test_a_pass_that_takes_other_cycles_makes_a_run_invalid(measurement):
    other = replace(DRAFTS, pass_cycles=(7001, 7999))
    assert replace(measurement, speculation=DRAFTS).cycles_equal
    assert not replace(measurement, speculation=other).cycles_equal


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2.75e-9, "s", "2.75 ns"), (9.99996e-10, "s", "1 ns"), (0.0, "s", "0 s"), (-1.5e-3, "V", "-1.5 mV"),
        (1e-21, "J", "0.001 aJ"), (5e-12, "ohm*m^2", "5 Ω·µm²"), (4.5e-14, "m^2", "0.045 µm²"),
        (1.8e-9, "V*m", "1.8 mV·µm"), (2e-10, "F/m", "0.2 fF/µm"), (1e3, "J/m^2", "1 kJ/m²"),
        (300.0, "K", "300 K"), (4800.0, "ohm", "4.8 kΩ"),
        (61.23456, "1", "61.23"), (float("inf"), "s", "inf s"),
    ],
)  # fmt: skip
def test_numbers_as_people_read_them(value, unit, text):
    assert with_unit(value, unit) == text


def test_plain_numbers():
    assert [number(12345), number(12345.6), number(0.12345), number(1e7), number(1e-5)] == [
        "12,345", "12,346", "0.1235", "1e+07", "1e-05",
    ]  # fmt: skip
    assert three_digits(0.11) == "0.110"


def test_the_examples_in_the_docstrings_of_units_are_right():
    outcome = doctest.testmod(units)
    assert outcome.attempted > 0
    assert outcome.failed == 0
