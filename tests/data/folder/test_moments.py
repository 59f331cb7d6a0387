"""Values at moments: means over raters, interpolation, and where nothing is said."""

import numpy as np
import pytest

from emo_core.data.folder.moments import beside, read_moments, span_seconds, value_path
from emo_core.data.tables.findings import Findings


def test_raters_are_averaged_at_each_moment_of_the_part():
    found = value_path([(2.0, (1.0, 0.0)), (2.0, (0.0, 1.0)), (3.0, (0.5, 0.5))], 2.0, 5.0)
    assert found.times_s == (0.0, 1.0) and found.values == ((0.5, 0.5), (0.5, 0.5))
    assert value_path([(None, (1.0, 0.0)), (None, (0.0, 0.0))], 0, 5).values == ((0.5, 0.0),)


def test_beyond_the_last_moment_is_said_for_one_gap():
    found = value_path([(1.0, (0.0, 0.0)), (2.0, (1.0, 0.0))], 0.0, 10.0)
    ends = np.array([0.5, 1.5, 2.5, 4.5])
    values = found.at(ends, ends - 0.5)
    assert values[:3, 0] == pytest.approx([0, 0.5, 1]) and np.isnan(values[3]).all()


def test_a_file_beside_a_clip(tmp_path):
    (tmp_path / "a.tsv").write_text("Time (ms)\tValence\tArousal\n500\t0,1\t-1\n900\t2\t0\n")
    findings = Findings()
    assert beside(tmp_path / "a.mp4") == tmp_path / "a.tsv" and beside(tmp_path / "b.mp4") is None
    assert read_moments(tmp_path / "a.tsv", findings) == [(0.5, (0.1, -1.0))]
    assert findings.sentences()[0] == (
        "a.tsv line 3: found 2 and 0, expected -1 to 1; the row is left out."
    )
    assert span_seconds(4.0, None) == 4 and span_seconds(4.0, (3.0, 9.0)) == 1
