"""The map that comes with an answer by itself."""

from demo import explanations, service
from tests.support.page import FAST, asked_by, last_of, shown
from tests.support.predictions import write_people_clip


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


def test_a_map_that_comes_late_leaves_the_next_clip_alone(
    events, first_maps, clip, tmp_path, monkeypatch
):
    shown(events, clip)
    visit, draw = events.visits.of("one"), explanations.map_of
    other = service.open_case(write_people_clip(tmp_path / "other.mp4", 1.0), visit)

    def drawn_as_another_is_given(*asked):
        found = draw(*asked)
        visit.current = other
        return found

    monkeypatch.setattr(explanations, "map_of", drawn_as_another_is_given)
    assert not any("player" in step for step in first_maps.first_map(asked_by()))
    assert visit.shown is None, "so that the other's map is its first"


def test_the_same_clip_given_again_has_its_map_again(events, first_maps, clip):
    for _ in range(2):
        shown(events, clip)
        assert last_of(first_maps.first_map(asked_by()))["player"]["map"]
