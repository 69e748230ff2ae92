"""Names as people write them: case, hyphens, dots and spaces do not matter, and a wrong one hears of the nearest."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches


def squash(name: str) -> str:
    """The name's letters and digits alone, in lower case."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def find(name: str, known: Mapping[str, Iterable[str]]) -> str | None:
    """The known name that is meant, or None; `known`: names and their aliases."""
    if name in known:
        return name
    meant = squash(name)
    return (
        next((one for one, aliases in known.items() if meant in map(squash, (one, *aliases))), None) if meant else None
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """The sentence's end that says what is nearest, and what there is."""
    names = list(known)
    close = get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    return (f"did you mean '{close[0]}'? " if close else "") + f"There are {', '.join(names)}"
