"""Units that only systems have, for the sheets of machines and engines."""

from typing import Annotated

Byte = Annotated[float, "B"]
BytePerSecond = Annotated[float, "B/s"]
FlopPerSecond = Annotated[float, "FLOP/s"]
Hertz = Annotated[float, "Hz"]
JoulePerByte = Annotated[float, "J/B"]
Count = Annotated[float, "1"]
"""A whole number; sheets write it as a ratio."""
