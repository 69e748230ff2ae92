"""SI floats as text for people: engineering prefixes, and composed units in the scale that a node is spoken of in."""

import math

_PREFIXES = {
    -18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P",
}  # fmt: skip
_SCALED = {
    "ohm*m^2": (1e12, "Ω·µm²"), "V*m": (1e9, "mV·µm"), "F/m": (1e9, "fF/µm"), "ohm/m": (1e-6, "Ω/µm"),
    "B/s/m^2": (1e-18, "TB/s/mm²"), "J/(V*m)": (1e15, "fJ/(V·m)"), "K*m^2/W": (1e9, "K·mm²/kW"),
}  # fmt: skip
YEAR = 365.25 * 86400
_WITHOUT_PREFIX = {"", "K", "bits", "words", "cycles", "1/V", "1/K", "K^-1.5"}


def with_unit(value: float, unit: str) -> str:
    """``value``, an SI number in ``unit`` as the sheets write units, to four significant digits as people say it.

    >>> with_unit(2.75e-9, "s"), with_unit(350.0, "K"), with_unit(1.1, "1")
    ('2.75 ns', '350 K', '1.1')
    >>> with_unit(4.1e-15, "m^2"), with_unit(1.2e-6, "m^2"), with_unit(5e-12, "ohm*m^2")
    ('0.0041 µm²', '1.2 mm²', '5 Ω·µm²')
    >>> with_unit(3.15576e8, "s"), with_unit(30e-15, "J/(V*m)")
    ('10 years', '30 fJ/(V·m)')
    """
    if unit == "1":
        return number(value)
    if unit == "m^2":
        return f"{number(value * 1e6)} mm²" if value >= 1e-8 else f"{number(value * 1e12)} µm²"
    if unit == "s" and YEAR <= value < math.inf:
        return f"{number(value / YEAR)} years"
    if unit in _SCALED:
        factor, text = _SCALED[unit]
        return f"{number(value * factor)} {text}"
    if unit in _WITHOUT_PREFIX or value == 0 or not math.isfinite(value):
        return f"{number(value)} {unit}".strip()
    return _prefixed(value, unit.replace("ohm", "Ω").replace("^2", "²"))


def _prefixed(value: float, unit: str) -> str:
    exponent = 3 * math.floor(math.log10(abs(float(f"{value:.4g}"))) / 3 + 1e-12)
    exponent = max(min(_PREFIXES), min(max(_PREFIXES), exponent))
    return f"{number(value / 10.0**exponent)} {_PREFIXES[exponent]}{unit}"


def number(value: float) -> str:
    """``value`` to four significant digits, whole numbers in full.

    >>> number(0.00410), number(1234567), number(1e-12), number(1234.5)
    ('0.0041', '1,234,567', '1e-12', '1,234')
    """
    if isinstance(value, int):
        return f"{value:,}"
    if value != 0 and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.4g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def three_digits(value: float) -> str:
    """``value`` to exactly three significant digits, for figures that are compared with one another.

    >>> three_digits(0.11), three_digits(0.0041216)
    ('0.110', '0.00412')
    """
    return f"{value:#.3g}"
