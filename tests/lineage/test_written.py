"""The written form of a lineage: canonical, and read back as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lineage.model import Input, Lineage, Output, Subtype
from gateway.lineage.written import from_json, to_json

INPUTS = st.builds(
    Input, st.text(), st.text(), st.sampled_from(Subtype), st.booleans(), st.booleans()
)
SEVERAL = st.lists(INPUTS, max_size=3).map(tuple)
NAMES = st.lists(st.text(), max_size=2).map(tuple)
LINEAGES = st.builds(
    Lineage,
    st.lists(st.builds(Output, st.text(), SEVERAL), max_size=3).map(tuple),
    SEVERAL,
    NAMES,
    NAMES,
    st.booleans(),
)


@given(LINEAGES)
def test_what_is_written_is_read_as_it_was(lineage: Lineage) -> None:
    assert from_json(to_json(lineage)) == lineage


@given(LINEAGES, LINEAGES)
def test_equal_lineages_and_no_others_have_equal_texts(one: Lineage, other: Lineage) -> None:
    assert (to_json(one) == to_json(other)) == (one == other)


def test_the_form() -> None:
    total = Output("total", (Input("mesh://a/b/c@1", "x", Subtype.AGGREGATION, masking=True),))
    lineage = Lineage((total,), (), ("mesh://a/b/c@1",))
    assert to_json(lineage) == (
        '{"datasets":["mesh://a/b/c@1"],"exact":true,'
        '"outputs":[["total",[["mesh://a/b/c@1","x","AGGREGATION","m"]]]],'
        '"version":1,"views":[],"whole":[]}'
    )


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", "null", '{"version":2}', '{"version":1,"outputs":[]}']
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        from_json(text)
