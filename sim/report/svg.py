"""A matplotlib figure as an ``<svg>`` element that can stand inside a page beside others."""

import io
import re
from html import escape

import matplotlib as mpl
from matplotlib.figure import Figure

from sim.report.charts import STYLE

_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


def inline_svg(figure: Figure, name: str, description: str) -> str:
    """``figure`` as an element whose ids start with ``name``, unique in the page, and which scales to its column."""
    buffer = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata=_NO_METADATA)
    element = buffer.getvalue()
    element = element[element.index("<svg") :]
    element = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-", element)
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r' xmlns(:xlink)?="[^"]*"', "", element).replace("xlink:href", "href")
    return element.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1)
