"""Tables and figures for notebooks: escaped, bounded, aligned by column."""

import re

from albert_np.io.html import MOST_CHARACTERS, MOST_ROWS, format_cell, make_figure, make_table
from albert_np.plots.axes import make_axes


def cells(table, tag="td"):
    return re.findall(rf"<{tag} [^>]*>(.*?)</{tag}>", table)


def test_everything_is_escaped():
    evil = "<script>alert('1')</script> & \"x\""
    table = make_table([(evil, evil)], (evil, evil), evil, foot=(evil, evil))
    assert "<script" not in table and table.count("&lt;script&gt;") == 7
    assert "<i>" not in make_figure(lambda: 1 / len("<i>"[3:]))

    def fail():
        raise ValueError("no <i>figure</i>")

    assert make_figure(fail) == "<div>no &lt;i&gt;figure&lt;/i&gt;</div>"


def test_columns_of_numbers_are_aligned_to_the_right():
    table = make_table([("a", 1234, (2, 3), ""), ("b", 0.123456, (4,), ""), ("5", -1e-9, "", "")], ("name", "value", "shape", ""))
    assert cells(table) == ["a", "1,234", "2×3", "", "b", "0.1235", "4", "", "5", "-1e-09", "", ""]
    sides = re.findall(r"text-align: (\w+)", table)
    assert sides == ["left", "right", "left", "left"] * 4
    assert cells(table, "th") == ["name", "value", "shape", ""]


def test_long_tables_and_texts_are_cut():
    table = make_table(([n, "x" * 1000] for n in range(MOST_ROWS + 7)), foot=("total", "all"))
    assert cells(table)[-2:] == ["total", "all"] and len(cells(table)) == 2 * MOST_ROWS + 2
    assert table.endswith("<div>7 more rows are not shown</div>") and len(cells(table)[1]) == MOST_CHARACTERS
    assert make_table([], title="nothing") == "<div><b>nothing</b></div>" and make_table([]) == ""
    assert [format_cell(each) for each in (True, None, float("nan"), "a\nb", ())] == ["True", "None", "nan", "a b", "()"]


def test_a_figure_is_an_image():
    figure, _ = make_axes("title", "y")
    assert re.fullmatch(r'<img style="[^"]+" alt="" src="data:image/png;base64,iVBOR[\w+/=]+">', make_figure(lambda: figure))
