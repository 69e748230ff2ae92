"""``spinstream macro``: a published macro from the lines that are known of it, as a table or as JSON."""

import re
from pathlib import Path
from typing import Any

from devicemodels.errors import UserError
from devicemodels.macro.answer import Answer, answer
from devicemodels.macro.figures import UNITS
from devicemodels.macro.query import load_query
from sim.console import output, table

_UNIT = re.compile(r"_(ns|nm|v|k|mw|mm2|um2|ohm_um2|pj_per_bit|mb_per_mm2|gb_per_s|tb_per_s_mm2)$")
EXAMPLES = Path(__file__).parent / "examples"


def example_names() -> list[str]:
    """Names of the queries that ship with the package, sorted."""
    return sorted(path.stem for path in EXAMPLES.glob("*.toml"))


def characterise(name_or_path: str) -> Answer:
    """Answer a shipped query by its name, or the query in a file.

    Raises
    ------
    UserError
        There is no such query, it is wrong, or physics cannot build what it asks for.
    """
    if name_or_path in example_names():
        return answer(load_query(EXAMPLES / f"{name_or_path}.toml"))
    if not name_or_path.endswith(".toml"):
        raise UserError(
            f"there is no query '{name_or_path}': those that ship are {', '.join(example_names())}, "
            "and anything else must be the path of a TOML file"
        )
    return answer(load_query(name_or_path))


def as_dict(found: Answer) -> dict[str, Any]:
    """The answer for programs: each figure as {nominal, low, high}, and what was assumed."""
    return {
        "name": found.setup.query.name,
        "kind": found.setup.query.kind,
        "node": found.setup.query.node,
        **{key: vars(band) for key, band in found.bands.items()},
        "organisation": layout(found),
        "assumed": [vars(one) for one in found.assumed],
    }


def show(found: Answer) -> None:
    """The answer for people: figures with their bands, then what the query left to the sheets."""
    console, query = output(), found.setup.query
    title = f"{query.name}: {query.kind}, {query.node}, {query.words} x {query.word_bits} bits"
    rows = [(_readable(key), *map(_number, vars(band).values()), UNITS[key]) for key, band in found.bands.items()]
    console.print(table(title, ("Figure", "Nominal", "Low", "High", "Unit"), rows, right=("Nominal", "Low", "High")))
    console.print(f"Organisation: {_words(layout(found))}.", highlight=False, soft_wrap=True)
    _show_assumed(found)


def layout(found: Answer) -> dict[str, int]:
    """How the words lie."""
    one = found.setup.organisation
    names = ("words", "data_bits", "check_bits", "subarrays", "rows", "mux", "spare_rows")
    return {name: int(getattr(one, name)) for name in names}


def _show_assumed(found: Answer) -> None:
    left_out = [one for one in found.assumed if one.asked]
    rows = [(_readable(one.name), _number(one.value), one.unit, one.sheet, one.kind) for one in left_out]
    console = output()
    console.print(table("Left out of the query, so assumed", ("Quantity", "Value", "Unit", "From", "Kind"), rows))
    rest = len(found.assumed) - len(left_out)
    console.print(f"{rest} more numbers come from these sheets; --json lists them.", highlight=False, soft_wrap=True)


def _readable(key: str) -> str:
    """A key without its unit, in words."""
    return _UNIT.sub("", key).replace("_", " ")


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _words(layout: dict[str, int]) -> str:
    return ", ".join(f"{value:g} {_readable(name)}" for name, value in layout.items())
