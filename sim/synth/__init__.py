"""A tile's logic from Yosys as a report: blocks, depth, clock, area, power, and how sure each of them is."""

from sim.synth.report import Block, Node, SynthesisReport, report
from sim.synth.spread import Range, Spread, spreads

__all__ = ["Block", "Node", "Range", "Spread", "SynthesisReport", "report", "spreads"]
