"""Which of two models is better on the same clips: `emo compare A B --data ROOT`."""

from collections.abc import Callable, Sequence

import numpy as np

from emo_core import metrics
from emo_core.checkpoint import Checkpoint
from emo_core.data.corpus import Corpus, CorpusError
from emo_core.messages import say, say_count, say_name
from emo_core.metrics import LEAST_SOURCES
from emo_core.paired_tests import Difference, mcnemar, paired_difference
from emo_core.tasks import Judged
from emo_core.training.run import Answers, answer_corpus

MISSED = 0.03  # a difference of three points, for which the needed clips are stated
MAIN_SCORES = {"accuracy": "accuracy", "f1": "F1", "ccc": "CCC"}  # of a task -> as printed


def compare(
    a: Checkpoint,
    b: Checkpoint,
    corpus: Corpus,
    split: str,
    progress: Callable[[int, int], None] | None = None,
) -> dict:
    """Both models' answers to one split, compared; as `emo compare` prints them.

    Raises CorpusError where they answer other kinds of labels or share no clip.
    """
    if type(a.task) is not type(b.task):
        raise CorpusError(
            "{a} and {b} answer different kinds of labels; expected both to answer one "
            "label a clip, several, or valence and arousal; compare models of one kind.",
            a=a.name,
            b=b.name,
        )
    found = [answer_corpus(model, corpus, split, progress) for model in (a, b)]
    ours, theirs = on_same_clips(*found)
    labels = corpus.labels
    judged = [judge(model, answers, labels) for model, answers in ((a, ours), (b, theirs))]
    names, groups = ([getattr(w, what) for w in ours.windows] for what in ("name", "group"))
    truth = [a.task.target_words(value) for value in ours.truth]
    problems = dict.fromkeys((*corpus.problems, *found[0].problems, *found[1].problems))
    return {
        "a": a.name,
        "b": b.name,
        "corpus": corpus.name,
        "split": split,
        **compare_answers(judged[0], judged[1], np.array(groups), labels, MAIN_SCORES[a.task.main]),
        "flips": flips(names, truth, judged[0], judged[1]),
        "alike": judged[0].words == judged[1].words
        and np.array_equal(judged[0].counts, judged[1].counts),
        "errors": list(problems),
    }


def on_same_clips(a: Answers, b: Answers) -> tuple[Answers, Answers]:
    """The rows that both models could read, in the order of the first."""
    rows_of_b = {window.name: i for i, window in enumerate(b.windows)}
    rows = [i for i, window in enumerate(a.windows) if window.name in rows_of_b]
    if not rows:
        raise CorpusError("there is no clip that both models can read; see the problems above.")
    return a.rows(rows), b.rows([rows_of_b[a.windows[i].name] for i in rows])


def judge(checkpoint: Checkpoint, answers: Answers, labels: Sequence[str]) -> Judged:
    """What a model's answers are worth, class by class of the corpus."""
    return checkpoint.task.judge(answers.logits, answers.truth, labels, checkpoint.calibration)


def class_scores(sums: np.ndarray, name: str) -> np.ndarray:
    """Score of each class: recall, F1 or CCC. (..., C, k) sums -> (..., C), NaN where undefined."""
    if name == "accuracy":
        return np.divide(
            sums[..., 0], sums[..., 1], out=np.full(sums.shape[:-1], np.nan), where=sums[..., 1] > 0
        )
    return metrics.binary_scores(sums)["f1"] if name == "F1" else metrics.ccc(sums)


def whole_score(sums: np.ndarray, name: str) -> np.ndarray:
    """The score of all classes: accuracy over clips, else the classes' mean. -> (...)."""
    if name == "accuracy":
        return sums[..., 0].sum(-1) / np.maximum(sums[..., 1].sum(-1), 1)
    return metrics.mean_defined(class_scores(sums, name))


def compare_answers(
    a: Judged, b: Judged, groups: np.ndarray, labels: Sequence[str], name: str
) -> dict:
    """Difference of the score, of each class's and of the mean recall; McNemar; what is findable.

    name: of the score, "accuracy", "F1" or "CCC".
    """
    count, *shape = a.counts.shape
    ours, theirs = (side.counts.reshape(count, -1) for side in (a, b))

    def difference(score: Callable[[np.ndarray], np.ndarray]) -> Difference:
        def of_sums(sums: np.ndarray) -> np.ndarray:
            return score(sums.reshape(*sums.shape[:-1], *shape))

        return paired_difference(ours, theirs, groups, of_sums)

    def of_class(index: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda sums: class_scores(sums, name)[..., index]

    whole = difference(lambda sums: whole_score(sums, name))
    scores = [float(whole_score(side.counts.sum(0), name)) for side in (a, b)]
    result = {
        "clips": count,
        "sources": whole.sources,
        "score": name,
        "a_score": scores[0],
        "b_score": scores[1],
        **_as_dict(whole),
        "better": whole.better.lower() or None,
        "per_class": {label: _as_dict(difference(of_class(i))) for i, label in enumerate(labels)},
        "power": _power(whole, count),
    }
    if name == "accuracy":
        mean = difference(lambda sums: metrics.mean_defined(class_scores(sums, name)))
        result["uar"] = _as_dict(mean)
    if name != "CCC":
        only = int((a.right & ~b.right).sum()), int((b.right & ~a.right).sum())
        result["mcnemar"] = {"only_a": only[0], "only_b": only[1], "p": mcnemar(*only)}
    return result


def _as_dict(difference: Difference) -> dict:
    value = metrics.number(difference.value)
    return {"difference": value, "interval": list(difference.interval or ()) or None}


def _power(whole: Difference, count: int) -> dict:
    """What such clips can show, and how many more would show a difference of three points."""
    needed = count * (whole.findable / MISSED) ** 2 if whole.spread else None
    return {
        "findable": whole.findable if whole.spread else None,
        "clips_for_3_points": None if needed is None else int(np.ceil(needed)),
    }


def flips(names: Sequence[str], truth: Sequence[str], a: Judged, b: Judged) -> list[dict]:
    """Clips that one model has right and the other has not."""
    return [
        {"clip": name, "label": label, "a": mine, "b": theirs, "right": "b" if now else "a"}
        for name, label, mine, theirs, was, now in zip(
            names, truth, a.words, b.words, a.right, b.right, strict=True
        )
        if was != now
    ]


def comparison_lines(result: dict, most: int = 20) -> list[str]:
    """The comparison for people."""
    lines: list[str] = [
        say(
            "{score} on {clips} clips of {sources}: A {a} {a_score:.3f}, B {b} {b_score:.3f}",
            score=say_name(result["score"]),
            sources=sources(result),
            **{name: result[name] for name in ("clips", "a", "b", "a_score", "b_score")},
        ),
        say("B - A: {points}. {verdict}", points=points(result), verdict=_verdict(result)),
    ]
    if "uar" in result:
        mean = points(result["uar"])
        lines.append(say("mean recall of the classes, B - A: {points}", points=mean))
    lines += [
        say("  {label}: {points}", label=say_name(label), points=points(part))
        for label, part in result["per_class"].items()
    ]
    lines += _test_lines(result)
    lines += [
        say("  {clip} ({label}): A {a}, B {b}", **_named(one)) for one in result["flips"][:most]
    ]
    more = len(result["flips"]) - most
    if more > 0:
        lines.append(say("  and {count} more clips that flip: see --json", count=more))
    return lines


def _named(flip: dict) -> dict:
    """A clip that flips, its labels as names."""
    return {"clip": flip["clip"], **{name: say_name(flip[name]) for name in ("label", "a", "b")}}


def _test_lines(result: dict) -> list[str]:
    """McNemar's test, and what such clips can show."""
    power = result["power"]
    lines: list[str] = []
    if test := result.get("mcnemar"):
        lines.append(
            say(
                "only A right {only_a}, only B right {only_b}: McNemar p {p:.3g}, clips taken as "
                "independent",
                **test,
            )
        )
    if power["findable"] is not None:
        lines.append(
            say(
                "Such clips show a difference of {points:.1f} points in four of five cases; for 3 "
                "points some {clips} are needed, of as many more sources.",
                points=100 * power["findable"],
                clips=power["clips_for_3_points"],
            )
        )
    return lines


def sources(result: dict) -> str:
    """How many sources a result is of, in words."""
    return say_count("{count} source", "{count} sources", result["sources"])


def points(part: dict) -> str:
    """A difference in points of a hundred, with its interval."""
    if part["difference"] is None:
        return say("undefined")
    percent = 100 * part["difference"]
    if part["interval"] is None:
        return say("{percent:+.1f} points (no interval)", percent=percent)
    low, high = (100 * value for value in part["interval"])
    return say(
        "{percent:+.1f} points (95 % {low:+.1f} to {high:+.1f})",
        percent=percent,
        low=low,
        high=high,
    )


def _verdict(result: dict) -> str:
    if result.get("alike"):
        return say("Both answer every clip alike; if they are one model, name another.")
    if result["interval"] is None:
        return say_count(
            "Not decided: an interval over sources needs {least} of them; there is {count}.",
            "Not decided: an interval over sources needs {least} of them; there are {count}.",
            result["sources"],
            least=LEAST_SOURCES,
        )
    if result["better"] is None:
        return say("Not decided: the interval holds 0.")
    return say("{name} is better.", name=result["better"].upper())
