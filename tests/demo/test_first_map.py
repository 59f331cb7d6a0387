"""The map that comes with an answer by itself."""

from tests.support.page import FAST, asked_by, last_of, shown


def test_it_comes_once_for_an_answer(events, first_maps, clip):
    shown(events, clip)
    drawn = last_of(first_maps.first_map(asked_by()))["player"]
    assert drawn["map"] and events.visits.of("one").shown[1] == drawn
    assert last_of(first_maps.first_map(asked_by())).keys() == {"explain_status"}


def test_a_closer_look_that_was_asked_for_meanwhile_stays(events, explains, first_maps, clip):
    shown(events, clip)
    steps = first_maps.first_map(asked_by())
    next(step for step in steps if "player" in step)
    looked = last_of(explains.explain(*FAST, asked_by()))["player"]
    assert not any("player" in step for step in steps)
    assert events.visits.of("one").shown[1] == looked
