"""The order of slices by the numbers in their names: signs, decimals, separators, and what is ambiguous."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import refused_in_one_line
from covidseg.cases.slice_order import sort_slices
from covidseg.errors import InputError


def ordered(names, before="/"):
    return list(sort_slices({name: f"x.zip:{name}.png" for name in names}, dict.fromkeys(names, before)))


# Names from the lowest slice up, and the character before them in the path.
SORTED = [
    (["9", "10", "11"], "/"),
    (["-12.5", "-10.0", "-7.5"], "/"),
    (["-12.5", "-10", "0", "2.5", "10", "12.5"], "/"),
    (["-3", "+3"], "/"),
    (["-3", "3", "+9"], "/"),
    (["-2", "-1"], "/"),
    (["-2.5", "-0.0", "2.5"], "/"),
    (["-0.5", "0", "0.5"], "/"),
    (["\u221212", "\u22129", "4"], "/"),
    (["z-120", "z-5", "z0", "z5"], "/"),
    (["z_-120", "z_-115", "z_-9"], "/"),
    (["z=-120", "z=-115", "z=-9"], "/"),
    (["pos(-7.5)mm", "pos(-5)mm", "pos(0)mm"], "/"),
    (["slice+5", "slice+10"], "/"),
    (["scan-9", "scan-10", "scan-12"], "/"),
    (["-9", "-10", "-12"], "n"),  # the pattern scan*.png: a letter stands before the hyphen
    (["-9", "-10", "-12"], "1"),  # the pattern {case}*.png: a digit stands before the hyphen
    (["-12", "-9", "4"], "z"),
    (["9", "10", "12"], "-"),  # the pattern scan-*.png
    (["IM-0001-0009", "IM-0001-0010"], "/"),
    (["2020-11-05-9", "2020-11-05-10"], "/"),
    (["5-1", "5-2", "5-10"], "/"),
    (["img.009", "img.010"], "/"),
    (["1.2.840.113.9", "1.2.840.113.10"], "/"),
    (["7.09", "7.10", "7.11"], "/"),
    (["1,25", "2,5", "3,75"], "/"),
    (["0.625", "1.25", "1.875", "2.5"], "/"),
    (["-1.5", "-1", "-0.5"], "/"),
    (["s1_of_3", "s2_of_3", "s10_of_3"], "/"),
    (["im1_z-20", "im2_z-10", "im3_z0"], "/"),
    (["99999999999999999999998", "99999999999999999999999"], "/"),
    (["9" * 5000, "1" + "0" * 5000], "/"),
    (["only"], "/"),
    (["-7"], "/"),
]


@pytest.mark.parametrize(("names", "before"), SORTED)
def test_names_in_the_order_of_the_body(names, before):
    assert ordered(names, before) == names
    assert ordered(names[::-1], before) == names
    assert ordered(names[1:] + names[:1], before) == names


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["1", "1.0", "2"], r"no number tells this slice from the next"),
        (["-0", "0", "1"], r"-?0\.png: no number tells this slice from the next \(-?0\)"),
        (["1.2.3", "1.2.3.0"], r"no number tells this slice from the next"),
        (["5-3", "5+3"], r"no number tells this slice from the next"),
        (["5", "5 (1)"], r"no number tells this slice from the next"),
        (["a1", "b2"], r"no number tells this slice from the next"),
        (["low", "high"], r"high\.png: no number tells this slice from the next \(low\)"),
        (["1.9", "1.10", "1.11"], r"can be a decimal point or a separator, and the order differs"),
        (["2.5", "2.25"], r"can be a decimal point or a separator"),
        (["z-7.5", "z-5.0", "z-2.5"], r"the hyphen in the names of all slices can be a sign or a separator"),
        (["im1_z30", "im2_z20", "im3_z10"], r"follows slice im1_z30 by its first number and precedes it"),
    ],
)
def test_ambiguous_names_are_refused(names, message):
    with refused_in_one_line(message):
        ordered(names)


@given(st.lists(st.integers(-400, 400), unique=True, min_size=2), st.sampled_from(["{}", "{:+d}", "{:+05d}"]))
def test_whole_positions_are_sorted_as_numbers(values, form):
    names = {form.format(value): value for value in values}
    assert ordered(names) == sorted(names, key=names.__getitem__)


@given(
    st.lists(st.integers(-400, 400), unique=True, min_size=2),
    st.sampled_from(["{:.1f}", "z_{:.2f}", "{:+.3f}mm"]),
)
def test_positions_with_as_many_decimals_are_sorted_as_numbers(values, form):
    names = {form.format(value * 1.25): value for value in values if form != "{:.1f}" or value % 2 == 0}
    if len(names) > 1:
        assert ordered(names) == sorted(names, key=names.__getitem__)


@given(
    st.lists(st.text("0123456789-+.,_ zs\u2212", min_size=1, max_size=8), unique=True, min_size=1, max_size=5)
)
def test_any_names_have_an_order_or_are_refused_in_one_line(names):
    try:
        found = ordered(names)
    except InputError as error:
        found, refused = names, str(error)
    else:
        refused = ""
    assert sorted(found) == sorted(names)
    assert not refused or refused.startswith("x.zip:")
