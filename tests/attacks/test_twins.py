"""Random queries: rita over ``hr`` gets what una gets over its filtered and masked twin.

`MESHGATE_TWIN_EXAMPLES` sets how many are tried, for longer campaigns than a test run allows;
`MESHGATE_TWIN_RANDOM` lets them be others each time.
"""

from __future__ import annotations

import os
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.attacks.asking import tells, written
from tests.attacks.doors import House, leaks
from tests.attacks.random_attacks import random_attack
from tests.attacks.world import ALL_SOURCES, RITA, SOURCES, UNA

EXAMPLES = int(os.environ.get("MESHGATE_TWIN_EXAMPLES", "100"))
FIXED = "MESHGATE_TWIN_RANDOM" not in os.environ

PLACES = st.one_of(
    st.sampled_from([(source,) for source in SOURCES]),
    st.lists(st.sampled_from(ALL_SOURCES), min_size=2, max_size=3).map(tuple),
)


@settings(max_examples=EXAMPLES, derandomize=FIXED)
@given(seed=st.integers(0, 2**32), sources=PLACES)
def test_a_random_query_tells_no_more_than_its_twin(
    house: House, seed: int, sources: tuple[str, ...]
) -> None:
    attack = random_attack(random.Random(seed))
    rita, una = house.visitor(RITA), house.visitor(UNA)
    query = written(attack.for_datafusion, "hr", *sources)
    governed = rita.ask(query)
    if governed.rows is not None:  # else there is no report, or that of another query
        assert not leaks(rita.report(), query)
    twin = una.ask(written(attack.for_datafusion, "twin", *sources))
    calm = rita.ask(written(attack.for_datafusion, "calm", *sources))
    told = tells(governed, calm, twin, query, ordered=attack.ordered)
    assert not told, f"{told}\n{query}"
