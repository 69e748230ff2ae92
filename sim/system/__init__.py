"""Machines, models and requests: what a chip, a rack, a wafer or a mixture of them makes of a language model."""

from sim.system.claim import check_claim
from sim.system.evaluate import Answer, answer, evaluate
from sim.system.language_model import LanguageModel
from sim.system.machine import Engine, Machine, load_engine, load_machine, machine_names
from sim.system.mixed import ask
from sim.system.model import load_model, model_names
from sim.system.plan import build_system
from sim.system.serve import Request
from sim.system.workload import WORKLOADS, load_workload

__all__ = [
    "WORKLOADS",
    "Answer",
    "Engine",
    "LanguageModel",
    "Machine",
    "Request",
    "answer",
    "ask",
    "build_system",
    "check_claim",
    "evaluate",
    "load_engine",
    "load_machine",
    "load_model",
    "load_workload",
    "machine_names",
    "model_names",
]
