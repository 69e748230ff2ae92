"""Proves properties of gateware for every input and at every time: Yosys writes the formula, Bitwuzla decides it.

A claim is a component around the hardware it speaks of. Its inputs take any value in any cycle, but for what `Assume`
statements rule out; each of its outputs is one bit, and the claim is that it is always 1. The reset stays low.
"""

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import Shape
from amaranth.lib import wiring
from bitwuzla import Bitwuzla, Kind, Option, Options, Parser, Result, Term, TermManager

from testbench.process import last_lines, run_lines

_SCRIPT = (
    "prep -flatten -top claim; chformal -lower; async2sync; memory_map; dffunmap; opt_clean; "
    "write_smt2 -stbv -wires claim.smt2"
)


class FormalError(RuntimeError):
    """Yosys refused the claim; the message ends with the last lines of its log."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What became of a claim.

    Attributes
    ----------
    holds : bool
        For every input and, of `prove`, at every time.
    failed : tuple of str
        Outputs that are 0 in the last cycle of `trace`.
    reachable : bool
        `trace` begins at the reset state: a counterexample. Otherwise it begins anywhere: the claim may hold, but does
        not follow from itself over so few cycles.
    trace : tuple of dict
        Value of each input and output, cycle by cycle, as an integer; empty if the claim holds.
    """

    holds: bool
    failed: tuple[str, ...] = ()
    reachable: bool = False
    trace: tuple[dict[str, int], ...] = ()


def prove(claim: wiring.Component, *, depth: int) -> Proof:
    """Proves a claim at every time by induction over `depth` cycles.

    It must hold in the first `depth` cycles from reset, and in any cycle if it held in the `depth` before, from
    whatever state; with depth 0, in every state without more ado, as is enough for what has no memory.
    """
    formula = _Formula(claim)
    return formula.check(depth, from_reset=True) or formula.check(depth + 1, from_reset=False) or Proof(holds=True)


def check(claim: wiring.Component, *, cycles: int) -> Proof:
    """Proves a claim for the first `cycles` cycles from reset only, and says nothing of later ones."""
    return _Formula(claim).check(cycles, from_reset=True) or Proof(holds=True)


class _Formula:
    """A claim as terms over one copy of its state for each cycle."""

    def __init__(self, claim: wiring.Component):
        members = claim.signature.members
        self.ports = tuple(members)
        self.outputs = tuple(name for name, member in members.items() if member.flow == wiring.Out)
        text = run_yosys(claim, _SCRIPT, "claim.smt2")
        wide = [name for name in self.outputs if Shape.cast(members[name].shape).width != 1]
        if wide:
            raise ValueError(f"the outputs {', '.join(wide)} of a claim are not one bit wide")
        self.has_reset = "yosys-smt2-input rst 1" in text
        self.manager = TermManager()
        self.parser = Parser(self.manager, _options())
        self.parser.parse(text, False, False)
        self.states = 0

    def check(self, cycles: int, *, from_reset: bool) -> Proof | None:
        """A run of at most `cycles` cycles whose last breaks the claim, None if there is none.

        From reset, of any length; otherwise of the full length, with the claim kept in all cycles before.
        """
        solver = self.parser.bitwuzla()
        solver.push(1)
        for cycle in range(cycles):
            for term in self._cycle(cycle, from_reset):
                solver.assert_formula(term)
            kept = self._kept(cycle)
            if from_reset or cycle == cycles - 1:
                solver.push(1)
                solver.assert_formula(self.manager.mk_term(Kind.NOT, [kept]))
                if solver.check_sat() != Result.UNSAT:
                    return self._counterexample(solver, cycle + 1, from_reset)
                solver.pop(1)
            solver.assert_formula(kept)
        if solver.check_sat() != Result.SAT:
            raise ValueError(f"the claim's assumptions leave no run of {cycles} cycles, so anything follows from them")
        solver.pop(1)
        return None

    def _cycle(self, cycle: int, from_reset: bool) -> list[Term]:
        """What holds of a cycle's state, whatever the claim: assumptions, and what ties it to the cycle before."""
        if cycle == self.states:
            self.parser.parse(f"(declare-const s{cycle} |claim_s|)", False, False)
            self.states += 1
        terms = [f"(|claim_h| s{cycle})", f"(|claim_u| s{cycle})"]
        if self.has_reset:
            terms.append(f"(not {_port('rst', cycle)})")
        if cycle:
            terms.append(f"(|claim_t| s{cycle - 1} s{cycle})")
        elif from_reset:
            terms.append("(|claim_i| s0)")
        return [self.parser.parse_term(term) for term in terms]

    def _kept(self, cycle: int) -> Term:
        return self.parser.parse_term(f"(and true {' '.join(_port(name, cycle) for name in self.outputs)})")

    def _counterexample(self, solver: Bitwuzla, cycles: int, from_reset: bool) -> Proof:
        trace = tuple({name: self._value(solver, name, cycle) for name in self.ports} for cycle in range(cycles))
        failed = tuple(name for name in self.outputs if not trace[-1][name])
        return Proof(holds=False, failed=failed, reachable=from_reset, trace=trace)

    def _value(self, solver: Bitwuzla, name: str, cycle: int) -> int:
        value = solver.get_value(self.parser.parse_term(_port(name, cycle)))
        return int(value.value() if value.sort().is_bool() else value.value(10))


def _port(name: str, cycle: int) -> str:
    return f"(|claim_n {name}| s{cycle})"


def _options() -> Options:
    options = Options()
    options.set(Option.PRODUCE_MODELS, True)
    return options


def run_yosys(component: wiring.Component, script: str, file: str) -> str:
    """Text of a file that a Yosys script makes of a component, whose module is named `claim`.

    Raises
    ------
    FormalError
    """
    with tempfile.TemporaryDirectory(prefix="spinstream-formal-") as work:
        folder = Path(work)
        (folder / "claim.il").write_text(rtlil.convert(component, name="claim", emit_src=False))
        (folder / "yosys.ys").write_text(f"read_rtlil claim.il; {script}".replace("; ", "\n"))
        log = folder / "yosys.log"
        # In a process of its own, which an error of Yosys ends.
        code = "from pyosys import libyosys; libyosys.run_pass('script yosys.ys', libyosys.Design())"
        if run_lines([sys.executable, "-c", code], folder=folder, environment=os.environ, log=log) != 0:
            raise FormalError(f"Yosys failed:\n{last_lines(log)}")
        return (folder / file).read_text()
