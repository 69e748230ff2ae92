"""The gates that synthesis counts and times: a node-less library in NAND2 equivalents and FO4 delays.

Delay is logical effort [SutherlandSproullHarris1999]_: a gate that drives like k unit inverters, with a load of C
unit-inverter inputs, takes ``(p + C / k) / 5`` FO4 delays, and each of its inputs loads the gate before it with
``g k`` of them. The logical effort g and the parasitic delay p are the book's (chapters 1 and 4, a PMOS twice as wide
as the NMOS, p = 1 for the inverter), so that an inverter that drives four of its kind takes exactly one FO4.
Wires have neither delay nor load here: the technology's clock margin has to cover them.

Area is the width of the cell in gate pitches, three of which are a NAND2: n gates side by side take n + 1 pitches.
XOR2, MUX2 and the flip-flop have the widths of the NanGate FreePDK45 library [NanGate2011]_, with which the others
agree as well.
"""

from collections.abc import Iterable
from dataclasses import dataclass

FO4 = 5.0
"""Delay of an inverter that drives four, in units of the inverter's own parasitic delay: p + g h = 1 + 4."""

NAND2_PITCHES = 3.0


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One combinational gate, in one or more sizes.

    Attributes
    ----------
    name : str
    function : str
        Of the inputs, as Liberty writes it.
    effort : dict
        Logical effort g by input.
    parasitic : float
        Parasitic delay p.
    pitches : dict
        Width in gate pitches by drive strength k.
    """

    name: str
    function: str
    effort: dict[str, float]
    parasitic: float
    pitches: dict[int, int]


def _two(value: float) -> dict[str, float]:
    return {"A": value, "B": value}


def _three(value: float) -> dict[str, float]:
    return {"A": value, "B": value, "C": value}


GATES = (
    Gate(name="INV", function="!A", effort={"A": 1}, parasitic=1, pitches={1: 2, 2: 3, 4: 5, 8: 9}),
    Gate(name="NAND2", function="!(A & B)", effort=_two(4 / 3), parasitic=2, pitches={1: 3, 2: 5, 4: 9}),
    Gate(name="NAND3", function="!(A & B & C)", effort=_three(5 / 3), parasitic=3, pitches={1: 4, 2: 7}),
    Gate(name="NOR2", function="!(A | B)", effort=_two(5 / 3), parasitic=2, pitches={1: 3, 2: 5, 4: 9}),
    Gate(name="NOR3", function="!(A | B | C)", effort=_three(7 / 3), parasitic=3, pitches={1: 4, 2: 7}),
    Gate(
        name="AOI21",
        function="!((A & B) | C)",
        effort={"A": 2, "B": 2, "C": 5 / 3},
        parasitic=7 / 3,
        pitches={1: 4, 2: 7},
    ),
    Gate(
        name="OAI21",
        function="!((A | B) & C)",
        effort={"A": 2, "B": 2, "C": 4 / 3},
        parasitic=7 / 3,
        pitches={1: 4, 2: 7},
    ),
    Gate(name="XOR2", function="A ^ B", effort=_two(4), parasitic=4, pitches={1: 6, 2: 9}),
    Gate(name="XNOR2", function="!(A ^ B)", effort=_two(4), parasitic=4, pitches={1: 6, 2: 9}),
    # A two-way multiplexer: effort 2 per data input; the select drives both polarities.
    Gate(
        name="MUX2",
        function="(A & !S) | (B & S)",
        effort={"A": 2, "B": 2, "S": 4},
        parasitic=4,
        pitches={1: 7, 2: 9},
    ),
    # Two inverters, the first half the second: (1 + 2) of the first stage and 1 of the second; in effort k / 2 per k.
    Gate(name="BUF", function="A", effort={"A": 0.5}, parasitic=4, pitches={2: 4, 4: 7, 8: 13}),
)

FLIP_FLOP = "DFF"
FLIP_FLOP_PITCHES = 17


def liberty() -> str:
    """The library as Liberty text: area in NAND2 equivalents, time in FO4 ("ns"), load in inverter inputs ("pf")."""
    cells = [_cell(gate, size) for gate in GATES for size in gate.pitches]
    return "\n".join([_HEADER, *cells, _FLIP_FLOP, "}", ""])


_LOADS = (0.5, 4.0, 32.0, 512.0)  # delay is a straight line in the load; ABC wants four points to see it
_SLEWS = (0.1, 1.0, 10.0)  # delay does not depend on the input's slope


def _list(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.5g}" for value in values)


_HEADER = f"""library (spinstream) {{
  delay_model : table_lookup; time_unit : "1ns"; capacitive_load_unit (1, pf);
  voltage_unit : "1V"; current_unit : "1mA";
  lu_table_template (line) {{
    variable_1 : input_net_transition; variable_2 : total_output_net_capacitance;
    index_1 ("{_list(_SLEWS)}"); index_2 ("{_list(_LOADS)}");
  }}"""

_FLIP_FLOP = f"""  cell ({FLIP_FLOP}) {{
    area : {FLIP_FLOP_PITCHES / NAND2_PITCHES:.4f};
    ff (IQ, IQN) {{ clocked_on : "CK"; next_state : "D"; }}
    pin (CK) {{ direction : input; clock : true; capacitance : 1; }}
    pin (D) {{ direction : input; capacitance : 1; }}
    pin (Q) {{ direction : output; function : "IQ"; }}
  }}"""


def _cell(gate: Gate, size: int) -> str:
    pins = "\n".join(
        f"    pin ({pin}) {{ direction : input; capacitance : {effort * size:.4f}; }}"
        for pin, effort in gate.effort.items()
    )
    arcs = "\n".join(_arc(gate, size, pin) for pin in gate.effort)
    return f"""  cell ({gate.name}_X{size}) {{
    area : {gate.pitches[size] / NAND2_PITCHES:.4f};
{pins}
    pin (Y) {{
      direction : output; function : "{gate.function}"; max_capacitance : {40 * size};
{arcs}
    }}
  }}"""


def _arc(gate: Gate, size: int, pin: str) -> str:
    delays = _list((gate.parasitic + load / size) / FO4 for load in _LOADS)
    rows = ", ".join([f'"{delays}"'] * len(_SLEWS))
    tables = " ".join(f"{name} (line) {{ values ({rows}); }}" for name in _TABLES)
    sense = _SENSE.get(gate.name, "negative_unate")
    return f'      timing () {{ related_pin : "{pin}"; timing_sense : {sense}; {tables} }}'


_TABLES = ("cell_rise", "cell_fall", "rise_transition", "fall_transition")
_SENSE = {"XOR2": "non_unate", "XNOR2": "non_unate", "MUX2": "non_unate", "BUF": "positive_unate"}


def areas() -> dict[str, float]:
    """Area of each cell in NAND2 equivalents."""
    gates = {f"{gate.name}_X{size}": width / NAND2_PITCHES for gate in GATES for size, width in gate.pitches.items()}
    return {**gates, FLIP_FLOP: FLIP_FLOP_PITCHES / NAND2_PITCHES}
