"""Raters' votes on CREMA-D: for the voice alone, for the face alone and for both together.

processedResults/tabulatedVotes.csv as published, else finishedResponses.csv, counted here.
Source: docs/papers/corpora.md#votes.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emo_core.data.corpus import CorpusError, read_table
from emo_core.messages import say

LETTERS = "ADFHNS"  # anger, disgust, fear, happy, neutral, sad: the columns of the table
LABELS = ("anger", "disgust", "fear", "happy", "neutral", "sad")
CONDITIONS = {"1": "audio", "2": "video", "3": "both"}  # queryType, or first digit of a row's id
TABULATED = Path("processedResults/tabulatedVotes.csv")
RESPONSES = Path("finishedResponses.csv")
CHANCE = 1 / len(LABELS)  # of naming the acted emotion without hearing or seeing anything

Votes = Mapping[str, Mapping[str, tuple[int, ...]]]  # clip -> condition -> votes, as LABELS


@dataclass(frozen=True)
class HumanModalities:
    """How many raters named a label, as shares of one, and what each modality added to that."""

    audio_only: float
    video_only: float
    both: float
    audio: float  # Shapley value of hearing; with `video` it sums to both - CHANCE
    video: float  # Shapley value of seeing


def read_votes(root: Path) -> tuple[Votes, list[str]]:
    """({clip: {"audio" | "video" | "both": six counts}}, problems); empty where no table is."""
    try:
        if (root / TABULATED).exists():
            return _read_tabulated(root / TABULATED)
        if (root / RESPONSES).exists():
            return _read_responses(root / RESPONSES)
    except CorpusError as error:
        return {}, [str(error)]
    return {}, []


def _read_tabulated(path: Path) -> tuple[Votes, list[str]]:
    votes: dict[str, dict[str, tuple[int, ...]]] = defaultdict(dict)
    problems: list[str] = []
    for number, row in read_table(path, ("", *LETTERS, "fileName"), "in processedResults"):
        condition = CONDITIONS.get(row[""][:1])
        counts = [row[letter] for letter in LETTERS]
        if condition is None or not all(count.isdigit() for count in counts):
            problems.append(
                say(
                    "{name} line {number}: row {row!r} has votes {votes}; expected an "
                    "id that begins with 1, 2 or 3 and six counts; it is left out.",
                    name=path.name,
                    number=number,
                    row=row[""][:10],
                    votes=",".join(counts)[:30],
                )
            )
            continue
        votes[row["fileName"]][condition] = tuple(map(int, counts))
    return dict(votes), problems


def _read_responses(path: Path) -> tuple[Votes, list[str]]:
    """Counts every answer; the published table leaves out those that took over ten seconds."""
    counts: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0] * 6))
    wrong = []
    for number, row in read_table(path, ("queryType", "clipName", "respEmo"), "beside VideoFlash"):
        condition, letter = CONDITIONS.get(row["queryType"]), row["respEmo"]
        if condition is None or len(letter) != 1 or letter not in LETTERS:
            wrong.append(number)
            continue
        counts[row["clipName"]][condition][LETTERS.index(letter)] += 1
    problems: list[str] = [
        say(
            "{name} line {number}: no vote can be read; expected queryType 1, 2 "
            "or 3 and respEmo one of {letters}; {count} such rows are left out.",
            name=path.name,
            number=number,
            letters=", ".join(LETTERS),
            count=len(wrong),
        )
        for number in wrong[:1]
    ]
    votes = {
        clip: {condition: tuple(found) for condition, found in parts.items()}
        for clip, parts in counts.items()
    }
    return votes, problems


def human_modalities(votes: Mapping[str, tuple[int, ...]], label: str) -> HumanModalities | None:
    """What raters' eyes and ears added to naming `label`; None where a condition has no votes.

    Exact Shapley values of two players, as of a model's modalities; with nothing to go by, one of
    six is named at random.
    """
    place, named = LABELS.index(label), {}
    for condition in CONDITIONS.values():
        counts = votes.get(condition, ())
        if not sum(counts):
            return None
        named[condition] = counts[place] / sum(counts)
    audio, video, both = (named[condition] for condition in ("audio", "video", "both"))
    share = ((audio - CHANCE) + (both - video)) / 2
    return HumanModalities(audio, video, both, share, both - CHANCE - share)


def votes_summary(votes: Votes, labels: Mapping[str, str]) -> dict:
    """Means over the clips of `labels` ({clip: label}) that were rated in all three conditions."""
    found = [
        share
        for clip, label in labels.items()
        if (share := human_modalities(votes.get(clip, {}), label)) is not None
    ]
    if not found:
        return {}
    means = {
        name: sum(getattr(share, name) for share in found) / len(found)
        for name in HumanModalities.__dataclass_fields__
    }
    return {"clips": len(found), **{name: round(mean, 4) for name, mean in means.items()}}


def votes_note(votes: Votes, labels: Mapping[str, str]) -> list[str]:
    """What the votes say, in one sentence; none where there are no votes."""
    means = votes_summary(votes, labels)
    if not means:
        return [say("The raters' votes are missing (processedResults/tabulatedVotes.csv).")]
    return [
        say(
            "Raters named the acted emotion in {audio_only:.1%} from the voice "
            "alone, {video_only:.1%} from the face alone and {both:.1%} from "
            "both (means of {clips} clips): seeing added {video:.3f}, hearing "
            "{audio:.3f} (Shapley values).",
            audio_only=means["audio_only"],
            video_only=means["video_only"],
            both=means["both"],
            clips=means["clips"],
            video=means["video"],
            audio=means["audio"],
        )
    ]
