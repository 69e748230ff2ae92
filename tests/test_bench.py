"""The benchmark of the junction's models, and the table that puts their residuals beside those of the peers."""

import importlib.util
import json
import math
import sys
from pathlib import Path

import pytest
from scipy.constants import elementary_charge, hbar

from devicemodels.mtj import energy, load_mtj
from sim import bench, bench_mtj

DOCS = Path(__file__).parent.parent / "docs"
MTJ = load_mtj(bench_mtj.DEVICE).device


@pytest.fixture
def peers(monkeypatch):
    """Import a script of docs/peers, which import one another as scripts do."""
    monkeypatch.syspath_prepend(str(DOCS / "peers"))
    yield importlib.import_module
    for name in ("exact", "record", "table", "checks_spinstream"):
        sys.modules.pop(name, None)


def test_the_peer_steps_the_same_device():
    given = bench_mtj.peer_input(MTJ)
    kelvin = bench_mtj.TEMPERATURE
    field = energy.anisotropy_field(MTJ, temperature=kelvin)
    assert 2 * given.anisotropy / given.magnetisation == pytest.approx(field)
    torque = hbar * given.current_density / (2 * elementary_charge * given.magnetisation * MTJ.free_layer_thickness)
    assert torque == pytest.approx(bench_mtj.OVERDRIVE * MTJ.damping * field)
    # The peer's polarisation is one, so its current is ours times the efficiency.
    critical = MTJ.critical_current(kelvin) * energy.torque_efficiency(MTJ, temperature=kelvin)
    assert given.current_density * MTJ.area == pytest.approx(bench_mtj.OVERDRIVE * critical)


def test_jobs_are_warmed_up_and_take_turns(monkeypatch):
    calls, clock = [], [0.0]
    costs = {"a": iter((100, 1, 5, 2)), "b": iter((100, 7, 6, 30))}

    def job(name):
        def run():
            calls.append(name)
            clock[0] += next(costs[name])

        return run

    monkeypatch.setattr(bench_mtj.time, "process_time", lambda: clock[0])
    assert bench_mtj.in_turns([job("a"), job("b")], 3) == [[1, 5, 2], [7, 6, 30]]
    assert "".join(calls) == "abababab"


def test_the_ratio_is_that_of_a_turn_and_not_of_two_medians():
    speed = bench_mtj.ensemble_speed([1.0, 5.0, 2.0], [70.0, 100.0, 80.0])
    assert (speed.ours_ns, speed.peer_ns, speed.ratio) == (2.0, 80.0, (20.0, 40.0, 70.0))


def test_without_the_peer_our_figures_stand_alone(monkeypatch, capsys):
    monkeypatch.setattr(bench_mtj.importlib.util, "find_spec", lambda name: None)
    alone = bench_mtj.measure_ensemble(trajectories=64, steps=200, repeats=1)
    assert alone.ours_ns > 0 and alone.peer_ns is None and alone.ratio is None
    monkeypatch.setattr(bench, "measure_ensemble", lambda: alone)
    monkeypatch.setattr(bench, "measure_points", list)
    monkeypatch.setattr(bench, "measure_simulation", lambda progress: [GOLDEN])
    bench.main([])
    assert "pip install -c constraints.txt '.[bench]'" in capsys.readouterr().out
    bench.main(["--json"])
    assert json.loads(capsys.readouterr().out)["ensemble"]["ratio"] is None


GOLDEN = bench.SimulationSpeed(design="golden (NumPy)", tokens=10.0)


def test_tables_show_the_ratio_and_the_error(capsys):
    speed = bench_mtj.ensemble_speed([10.0, 10.0, 10.0], [600.0, 650.0, 700.0])
    point = bench_mtj.PointSpeed(delta=43.0, overdrive=2.0, reduced_time=6.0, milliseconds=2.5, error=-0.0012)
    for shown in (bench.simulation_table([GOLDEN]), bench.ensemble_table(speed), bench.point_table([point])):
        bench.output().print(shown)
    text = capsys.readouterr().out
    assert "65 (60 to 70)" in text and "300 K, 1 ps" in text and "-0.120%" in text and "golden" in text


@pytest.mark.parametrize(("delta", "overdrive", "reduced_time", "exact"), bench_mtj.POINTS)
def test_points_are_converged(peers, delta, overdrive, reduced_time, exact):
    case = {"stability": delta, "overdrive": overdrive, "reduced_time": reduced_time}
    assert peers("exact").write_error(300, **case) == pytest.approx(exact, rel=1e-4)


def test_the_cylinder_of_the_peers_is_that_of_the_elliptic_integrals(peers):
    # N_z of a cylinder as high as wide, Chen, Brug and Goldfarb (1991), table I.
    assert peers("exact").cylinder_demagnetisation(1.0) == pytest.approx(0.3116, abs=5e-5)


def test_the_table_in_the_docs_is_made_from_the_findings(peers):
    assert peers("table").table() in (DOCS / "mtj_accuracy.md").read_text()


def test_our_column_is_what_the_code_gives(peers):
    recorded = json.loads((DOCS / "peers/spinstream.json").read_text())["findings"]
    for key, finding in peers("checks_spinstream").quick_findings().items():
        was, now = recorded[key]["value"], finding.value
        same = was == now if isinstance(now, str) else math.isclose(was, now, rel_tol=0.1, abs_tol=1e-7)
        assert same, f"{key}: {now}, but {was} is recorded: run docs/peers/checks_spinstream.py and table.py"
