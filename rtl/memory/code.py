"""The codes that a memory word can carry, behind one interface: none, SECDED and double-error-correcting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Module, Value
from amaranth.lib import wiring
from numpy.typing import NDArray

from devicemodels.error_correction import BlockCode
from devicemodels.errors import UserError
from rtl.memory import bch, plain, secded


@dataclass(frozen=True, kw_only=True)
class WordCode:
    """A code in its golden form and in gateware.

    Attributes
    ----------
    name : str
    correctable, detectable : int
        Errors in a word that are always repaired, and always at least found.
    check_bits : data bits to check bits
    encode, decode : golden functions on arrays of words, as in `rtl.memory.secded`
    encode_value : module and data to the codeword, combinational
    Decoder : data bits to a component with the ports of `SecdedDecoder`, and its `LATENCY`
    """

    name: str
    correctable: int
    detectable: int
    check_bits: Callable[[int], int]
    encode: Callable[[NDArray[Any]], NDArray[Any]]
    decode: Callable[[NDArray[Any], int], tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]
    encode_value: Callable[[Module, Value], Value]
    Decoder: type[wiring.Component]

    def code_bits(self, data_bits: int) -> int:
        """Stored bits of a word."""
        return data_bits + self.check_bits(data_bits)

    def block(self, data_bits: int) -> BlockCode:
        """What the error models know of the code."""
        return BlockCode(
            name=self.name,
            data_bits=data_bits,
            check_bits=self.check_bits(data_bits),
            correctable=self.correctable,
            detectable=self.detectable,
        )


def _code(name: str, module, decoder, correctable: int, detectable: int) -> WordCode:
    return WordCode(
        name=name,
        correctable=correctable,
        detectable=detectable,
        check_bits=module.check_bits,
        encode=module.encode,
        decode=module.decode,
        encode_value=module.encode_value,
        Decoder=decoder,
    )


NONE = _code("none", plain, plain.PlainDecoder, 0, 0)
SECDED = _code("secded", secded, secded.SecdedDecoder, 1, 2)
DEC = _code("dec", bch, bch.BchDecoder, 2, 3)

CODES = (NONE, SECDED, DEC)
"""All codes, the cheapest first."""


def word_code(name: str) -> WordCode:
    """The code of that name.

    Raises
    ------
    UserError
        There is none.
    """
    known = {code.name: code for code in CODES}
    if name not in known:
        raise UserError(f"there is no code '{name}': choose one of {', '.join(known)}")
    return known[name]
