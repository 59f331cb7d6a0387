"""Sentences are kept up to a number, the others counted with their lines."""

from emo_core.data.tables.findings import SHOWN, Findings


def test_forty_thousand_faults_are_twenty_sentences_and_a_count():
    findings = Findings()
    for line in range(2, 40_002):
        findings.add("rows without their clip", f"line {line}", line)
    findings.extend("others", ["one"])
    said = findings.sentences()
    assert len(said) == SHOWN + 2 and said[0] == "line 2" and said[-1] == "one"
    assert said[SHOWN] == "And 39980 more rows without their clip, lines 22 to 40001."
    assert findings.count("rows without their clip") == 40_000
