"""Concatenations that repeat a signal say so once."""

import pytest

from rtl.export.repeats import fold_repeats


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("assign b = { a[7], a[7], a[7], a };", "assign b = { {3{a[7]}}, a };"),
        (r"assign b = { \$1 [3], \$1 [3], \$1  };", r"assign b = { {2{\$1 [3]}}, \$1  };"),
        (r"assign b = { \$1 , \$1 , \$2 , \$2  };", r"assign b = { {2{\$1 }}, {2{\$2 }} };"),
        ("assign b = { xa, a, a[1], a[1:0] };", "assign b = { xa, a, a[1], a[1:0] };"),
        ("assign b = { 4'hf, 4'hf, a };", "assign b = { 4'hf, 4'hf, a };"),
        ("module m(a, b);", "module m(a, b);"),
    ],
)
def test_only_whole_items_of_a_concatenation_are_folded(before, after):
    assert fold_repeats(before) == after
