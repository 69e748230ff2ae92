"""Bandwidth density of a whole decode step, measured on one layer as wide as SmolLM2-135M's.

``python docs/peers/wide_layer.py [DESIGN] [TOKENS]`` simulates the design's tile with a model of one layer of width 576
whose weights are random (time does not depend on them) and the shipped model's vocabulary, and prints what
`spinstream decode` would. It takes some minutes, most of them for synthesis and the simulator.
"""

import dataclasses
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console

from sim.checkpoint import GroupedMatrix, Model, load_model
from sim.checkpoint.model import GROUP, Layer
from sim.console import TerminalProgress
from sim.decode import measure, prepare, simulate
from sim.design import load_design

DIM, HEADS, KV_HEADS, HEAD_DIM, FFN = 576, 9, 3, 64, 1536
PROMPT = "In the beginning God created the heaven and the earth."


def wide_model() -> Model:
    """One layer of SmolLM2-135M's shape with random 8-bit codes, and the shipped model's tokenizer."""
    random, small = np.random.default_rng(0), load_model("verse")

    def matrix(rows: int, columns: int) -> GroupedMatrix:
        codes = random.integers(-127, 128, (rows, columns)).astype(np.int8)
        scales = np.full((rows, columns // GROUP), 1 / 73 / np.sqrt(columns), np.float32)  # codes have 73 rms
        return GroupedMatrix(codes=codes, scales=scales)

    shape = dataclasses.replace(
        small.shape, dim=DIM, layers=1, heads=HEADS, kv_heads=KV_HEADS, head_dim=HEAD_DIM, ffn=FFN, tied=True
    )
    ones, embedding = np.ones(DIM, np.float32), matrix(shape.vocab, DIM)
    layer = Layer(
        attention_norm=ones,
        q=matrix(HEADS * HEAD_DIM, DIM),
        k=matrix(KV_HEADS * HEAD_DIM, DIM),
        v=matrix(KV_HEADS * HEAD_DIM, DIM),
        o=matrix(DIM, HEADS * HEAD_DIM),
        ffn_norm=ones,
        gate=matrix(FFN, DIM),
        up=matrix(FFN, DIM),
        down=matrix(DIM, FFN),
    )
    return dataclasses.replace(
        small, name="one wide layer", shape=shape, embedding=embedding, layers=(layer,), norm=ones, head=embedding
    )


def main():
    """Simulate and print the measurement as JSON."""
    design = load_design(sys.argv[1] if len(sys.argv) > 1 else "mram-16nm-4bit")
    tokens = int(sys.argv[2]) if len(sys.argv) > 2 else 240
    progress = TerminalProgress(Console(stderr=True), sys.stderr)
    run = prepare(
        design, wide_model(), prompt=PROMPT, tokens=tokens, simulator="verilator", waves=False, progress=progress
    )
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(run, simulate(run, Path(folder), progress), Path(folder)).as_dict()
    for name in ("text", "tokens"):
        del figures[name]
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
