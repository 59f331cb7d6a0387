"""A what-if in a sentence: the label asked about, and which is most probable now."""

import pytest

from emo_core.attribution.counterfactuals import WhatIf
from emo_core.viz.attribution import new_leader, summarise_what_if


@pytest.mark.parametrize(
    ("before", "after", "leader"),
    [
        ({"anger": 0.9, "fear": 0.4}, {"anger": 0.3, "fear": 0.6}, "fear"),
        ({"anger": 0.9, "fear": 0.4}, {"anger": 0.6, "fear": 0.3}, None),
        ({"anger": 0.86, "fear": 0.85}, {"anger": 0.849, "fear": 0.851}, None),  # both 85 %
        ({"valence": 0.2, "arousal": -0.4}, {"valence": -0.1, "arousal": 0.3}, None),
    ],
)
def test_a_new_leader_is_named_where_the_numbers_show_it(before, after, leader):
    found = WhatIf("sound muted", before, after)
    assert new_leader(found) == leader
    assert ("most probable is now" in summarise_what_if(found, next(iter(before)))) == bool(leader)
