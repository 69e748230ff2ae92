"""The weights of a Llama model from the tensors of a GGUF file."""

import numpy as np
from gguf import GGMLQuantizationType as Kind
from gguf import ReaderTensor
from gguf.quants import dequantize
from numpy.typing import NDArray

from sim.checkpoint.gguf_file import GgufFile, shown
from sim.checkpoint.model import GroupedMatrix, Layer, LlamaShape
from sim.checkpoint.quantise import quantise, unpack_q4_0, unpack_q4_1, unpack_q8_0

_PLAIN = (Kind.F32, Kind.F16, Kind.BF16)
_UNPACK = {Kind.Q8_0: unpack_q8_0, Kind.Q4_0: unpack_q4_0, Kind.Q4_1: unpack_q4_1}
_MATRIX = (*_PLAIN, *_UNPACK)


class TensorReader:
    """Takes tensors out of a file by name, checks them, and remembers which were taken."""

    def __init__(self, file: GgufFile) -> None:
        self._file = file
        self._left = set(file.tensors)

    def vector(self, name: str, size: int) -> NDArray[np.float32]:
        """Return a vector of F32, F16 or BF16, float32 [size]."""
        values = _plain(self._take(name, (size,), _PLAIN))
        self._check_finite(name, values)
        return values

    def matrix(self, name: str, rows: int, columns: int) -> GroupedMatrix:
        """Return a matrix in groups of 32, codes int8 [rows, columns padded to 32].

        `Q8_0`, `Q4_0` and `Q4_1` keep their codes; F32, F16 and BF16 are quantised to `Q8_0` groups here.
        """
        tensor = self._take(name, (rows, columns), _MATRIX)
        unpack = _UNPACK.get(tensor.tensor_type)
        matrix = unpack(tensor.data) if unpack else quantise(_plain(tensor))
        for numbers in (matrix.scales, matrix.minima):
            if numbers is not None:
                self._check_finite(name, numbers)
        return matrix

    def finish(self) -> None:
        """Refuse a file with tensors that no one took: the model computes something more.

        Raises
        ------
        UserError
            Names the first such tensor.
        """
        for name in sorted(self._left):
            what = "rope-scaling factors" if "rope" in name else "a bias" if name.endswith(".bias") else "a tensor"
            raise self._file.refuse(f'has {what} "{shown(name)}", which is not supported: give a plain Llama model.')

    def _take(self, name: str, shape: tuple[int, ...], kinds: tuple[Kind, ...]) -> ReaderTensor:
        tensor = self._file.tensors.get(name)
        if tensor is None:
            raise self._file.refuse(f'has no tensor "{name}", which a llama model needs: convert the model again.')
        found = tuple(reversed(tensor.shape.tolist()))
        if found != shape:
            raise self._file.refuse(
                f'gives tensor "{name}" the shape {found}, its metadata ask for {shape}: convert it again.'
            )
        if tensor.tensor_type not in kinds:
            names = ", ".join(kind.name for kind in kinds)
            raise self._file.refuse(
                f'stores tensor "{name}" as {tensor.tensor_type.name}, supported are {names}: convert it to one.'
            )
        self._left.discard(name)
        return tensor

    def _check_finite(self, name: str, values: NDArray[np.float32]) -> None:
        if not np.isfinite(values).all():
            raise self._file.refuse(
                f'has weights in tensor "{name}" that are not finite: the file is damaged, fetch it again.'
            )


def read_layer(tensors: TensorReader, index: int, shape: LlamaShape) -> Layer:
    """Read transformer block ``index``."""
    block = f"blk.{index}."
    dim, queries, keys = shape.dim, shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    return Layer(
        attention_norm=tensors.vector(block + "attn_norm.weight", dim),
        q=tensors.matrix(block + "attn_q.weight", queries, dim),
        k=tensors.matrix(block + "attn_k.weight", keys, dim),
        v=tensors.matrix(block + "attn_v.weight", keys, dim),
        o=tensors.matrix(block + "attn_output.weight", dim, queries),
        ffn_norm=tensors.vector(block + "ffn_norm.weight", dim),
        gate=tensors.matrix(block + "ffn_gate.weight", shape.ffn, dim),
        up=tensors.matrix(block + "ffn_up.weight", shape.ffn, dim),
        down=tensors.matrix(block + "ffn_down.weight", dim, shape.ffn),
    )


def _plain(tensor: ReaderTensor) -> NDArray[np.float32]:
    """Return the tensor's values as a float32 array of its own, not a window on the file."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
