"""Sentences are kept up to a number, the others counted with their lines."""

from emo_core.data.tables.findings import SHOWN, Findings, few_of_each
from emo_core.messages import say


def test_forty_thousand_faults_are_twenty_sentences_and_a_count():
    findings = Findings()
    for line in range(2, 40_002):
        findings.add("rows without their clip", f"line {line}", line)
    findings.extend("others", ["one"])
    said = findings.sentences()
    assert len(said) == SHOWN + 2 and said[0] == "line 2" and said[-1] == "one"
    assert said[SHOWN] == "And 39980 more rows without their clip, lines 22 to 40001."
    assert findings.count("rows without their clip") == 40_000


def test_of_sentences_with_one_template_twenty_are_kept_and_the_others_counted():
    rows = [
        say("{name}: {why}", name=f"row {n}", why=say("it is {n}", n=n)) for n in range(SHOWN + 3)
    ]
    other = say("{name}: {why}", name="row x", why=say("it is empty"))
    said = few_of_each(["a", *rows, other, "b"])
    assert said[:2] == ("a", "row 0: it is 0") and said[SHOWN:-1] == (rows[SHOWN - 1], other, "b")
    assert said[-1] == "And 3 more problems such as: row 0: it is 0"
    assert few_of_each(rows[:SHOWN]) == tuple(rows[:SHOWN])
