"""Maps, checks and files of one clip: each is made once, whichever way it is asked for."""

import pytest

from demo import explanations
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
    assert "data-film-start" in kept["clock_peaks"]
    events.leave(asked_by())
    assert not list(events.visits.folder.rglob("report.html")), "files stayed behind"
