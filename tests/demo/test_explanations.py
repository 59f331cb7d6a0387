"""Maps, checks and files of one clip: each is made once, whichever way it is asked for."""

import pytest

from demo import explanations, service
from emo_core.inference.predict import predict
from tests.support.page import FAST, asked_by, last_of, shown


def test_the_same_map_is_made_once(events, explains, clip, monkeypatch):
    made, real = [], explanations.explain
    monkeypatch.setattr(explanations, "explain", lambda *a, **k: made.append(a) or real(*a, **k))
    shown(events, clip)
    first = last_of(explains.explain(*FAST, asked_by()))
    assert "Done in" in first["explain_status"] and first["frames_map"].count("<img") >= 3
    second = last_of(explains.explain(*FAST, asked_by()))
    assert "nothing was computed again" in second["explain_status"] and len(made) == 1
    label = predict(clip).label
    last_of(explains.explain("grad_cam", "fast", label, 0, asked_by()))
    assert len(made) == 1, "what was left open is the same question"
    other = next(name for name in predict(clip).labels if name != label)
    last_of(explains.explain("grad_cam", "fast", other, 0, asked_by()))
    assert len(made) == 2


def test_checks_film_and_report_reuse_the_map(events, explains, clip, monkeypatch):
    shown(events, clip)
    last_of(explains.explain(*FAST, asked_by()))
    monkeypatch.setattr(
        explanations, "explain_on_gpu", lambda *a, **k: pytest.fail("the map was made again")
    )
    checked = last_of(explains.check(*FAST, asked_by()))
    assert "verdict" in checked["trust"] and checked["trust"].count("<tr>") >= 4
    kept = last_of(explains.keep(*FAST, asked_by()))
    made = sorted(path.name for path in events.visits.folder.rglob("*") if path.is_file())
    assert {"attribution.npz", "overlay.mp4", "report.html"} <= set(made)
    report = next(events.visits.folder.rglob("report.html")).read_text(encoding="utf-8")
    assert "Not checked" not in report and "mine.mp4" in report
    assert kept["film"].visible and kept["player"]["map"]
    events.leave(asked_by())
    assert not list(events.visits.folder.rglob("report.html")), "files stayed behind"


@pytest.fixture
def case(clip, monkeypatch):
    """A clip's case before anything was measured."""
    monkeypatch.setattr(explanations, "_PACE", {})
    return service.open_case(clip)


def test_promised_seconds_are_those_of_the_model_and_the_method(case):
    """A pass costs 14 ms by one method and 72 ms by another."""
    ask = explanations.ExplainRequest
    ticks = iter([0.0, 7.0, 10.0, 10.5])
    explanations.map_of(case, ask("grad_cam", "fast"), clock=lambda: next(ticks))
    slow = explanations.costs(case, "grad_cam")["standard"]
    made = explanations.map_of(case, ask("shapley", "fast"), clock=lambda: next(ticks))
    assert slow.seconds == pytest.approx(7.0, rel=0.35), "of the passes that were made"
    assert explanations.costs(case, "grad_cam")["standard"] == slow, "another method's run"
    quick = explanations.costs(case, "shapley")
    assert quick["thorough"].seconds / quick["thorough"].passes == pytest.approx(
        0.5 / made.forward_passes
    )


def test_presets_that_cost_the_same_are_not_offered(case):
    for method in explanations.methods.METHODS:
        costs = explanations.costs(case, method)
        passes = [cost.passes for cost in costs.values()]
        assert len(set(passes)) == len(passes) and "standard" in costs, method
    assert list(explanations.costs(case, "rollout")) == ["standard"]
    assert len(explanations.costs(case, "occlusion")) == 3


def test_labels_are_renewed_after_each_run(events, explains, clip, monkeypatch):
    monkeypatch.setattr(explanations, "_PACE", {})
    shown(events, clip)
    after = last_of(explains.explain("occlusion", "fast", None, None, asked_by()))
    (pace,) = (s for (_, method), s in explanations._PACE.items() if method == "occlusion")
    case = events.visits.of("one").current
    for (said, preset), cost in zip(
        after["preset"].choices, explanations.costs(case, "occlusion").values(), strict=True
    ):
        assert f"{cost.passes} passes" in said and preset in said.lower()
        assert cost.seconds == pytest.approx(pace * cost.passes)
