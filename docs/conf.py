"""Configuration of the documentation: Markdown, cited references, doctests."""

from importlib.metadata import version as installed

from docutils import nodes
from latex2mathml.converter import convert

project = "Spinstream"
author = "the Spinstream contributors"
copyright = "2026, the Spinstream contributors"
version = release = installed("spinstream")

extensions = ["myst_parser", "sphinx.ext.doctest", "sphinxcontrib.bibtex"]
myst_enable_extensions = ["dollarmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "author_year"
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "Spinstream"
html_math_renderer = "mathml"


def inline_formula(page, node):
    """Write an inline formula as MathML, which browsers draw without a script from elsewhere."""
    page.body.append(convert(node.astext()))
    raise nodes.SkipNode


def displayed_formula(page, node):
    """Write a displayed formula as MathML."""
    page.body.append(f'<div class="formula">{convert(node.astext(), display="block")}</div>')
    raise nodes.SkipNode


def setup(app):
    """Register the two writers of formulae."""
    app.add_html_math_renderer("mathml", (inline_formula, None), (displayed_formula, None))
