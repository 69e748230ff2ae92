"""A model of one layer as wide as SmolLM2-135M's, for what depends on shape and not on weights: time and speed."""

import dataclasses

import numpy as np

from sim.checkpoint import GroupedMatrix, Model, load_model
from sim.checkpoint.model import GROUP, Layer

PROMPT = "In the beginning God created the heaven and the earth."
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
