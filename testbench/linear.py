"""Reads from a netlist the linear map over GF(2) that it is: a proof for every input at once, however wide.

Each net is carried as the exact set of inputs of which it is the exclusive or. There is nothing to search, where a
solver has to rediscover the associativity of hundreds of exclusive ors.
"""

import json

from amaranth.lib import wiring

from testbench.formal import run_yosys

_SCRIPT = "prep -flatten -top claim; simplemap; opt_clean; write_json claim.json"


class NotLinearError(ValueError):
    """The netlist has a gate that no linear map needs."""


def linear_map(component: wiring.Component) -> list[int]:
    """The map from the input `word` of a combinational component to its output `value`.

    Returns
    -------
    list of int
        For each bit of `value` a mask: the bits of `word` of which it is the exclusive or.

    Raises
    ------
    NotLinearError
    """
    netlist = json.loads(run_yosys(component, _SCRIPT, "claim.json"))["modules"]["claim"]
    word, value = (netlist["ports"][name]["bits"] for name in ("word", "value"))
    sets = {net: 1 << i for i, net in enumerate(word)} | {"0": 0}
    waiting = list(netlist["cells"].values())
    while waiting:
        left = [cell for cell in waiting if not _add(cell, sets)]
        if len(left) == len(waiting):
            raise NotLinearError(f"{len(left)} gates form a loop or hang on a constant 1")
        waiting = left
    return [sets[net] for net in value]


def _add(cell: dict, sets: dict) -> bool:
    """Puts a gate's output into `sets`, if its inputs are there."""
    pins = {name: nets[0] for name, nets in cell["connections"].items()}
    if cell["type"] != "$_XOR_":
        raise NotLinearError(f"{cell['type']} is not an exclusive or")
    if pins["A"] not in sets or pins["B"] not in sets:
        return False
    sets[pins["Y"]] = sets[pins["A"]] ^ sets[pins["B"]]
    return True
