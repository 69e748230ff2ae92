"""The model beside silicon: deviations are printed (pytest -s) and bounded."""

from dataclasses import replace

from devicemodels.macro import Organisation, mram_macro
from devicemodels.mtj import load_mtj
from devicemodels.technology import load_technology

NODE = load_technology("22nm").device
MTJ = load_mtj("mram22").device


def fast_macro(temperature=300.0, mtj=MTJ):
    layout = Organisation(words=1024, data_bits=1024, check_bits=0, rows=512, mux=2)
    return mram_macro(technology=NODE, mtj=mtj, organisation=layout, temperature=temperature)


def deviation(name, found, silicon):
    relative = found / silicon - 1
    print(f"{name}: model {found:.4g}, silicon {silicon:.4g}, {relative:+.1%}")
    return abs(relative)


def test_the_22_nm_macro_of_isscc_2020():
    # Chang et al., paper 13.4: 1 Mb, 1024-bit reads, 42.67 GB/s, access 2.75 ns, 0.23 pJ/bit at 0.85 V.
    found = fast_macro()
    assert found.supply == 0.85
    assert deviation("access, ns", found.read_access * 1e9, 2.75) < 0.25
    assert deviation("cycle, ns", found.read_cycle * 1e9, 128 / 42.67) < 0.25
    assert deviation("energy, pJ/bit", found.read_energy / 1024 * 1e12, 0.23) < 0.35


def test_the_slowing_with_heat_of_a_28_nm_macro():
    # Dong et al. (2019): 2.8 ns at 25 C, 3.6 ns at 120 C. Not fitted.
    cold, hot = fast_macro(298.15).read_access, fast_macro(393.15).read_access
    assert deviation("access 120 C / 25 C", hot / cold, 3.6 / 2.8) < 0.15


def test_the_array_efficiency_of_a_fast_1_mb_macro():
    # Noguchi et al. (2015), 65 nm, 2T2MTJ: 57.6 %, to which the array overhead was fitted.
    found = fast_macro()
    efficiency = dict(found.area_parts)["cells"] / found.area
    assert deviation("array efficiency", efficiency, 0.576) < 0.1


def test_a_tool_without_read_physics_would_not_see_the_tmr():
    # NVSim's read latency moves by under one per cent between 10 % and 300 % TMR; half the TMR must cost time here.
    slow = fast_macro(mtj=replace(MTJ, tmr_zero_bias=MTJ.tmr_zero_bias / 2))
    assert deviation("read cycle, half TMR / full", slow.read_cycle / fast_macro().read_cycle, 1.0) > 0.2
