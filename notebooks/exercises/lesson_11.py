"""Judges the exercises of lesson 11: real people."""

from typing import Any

import numpy as np

from exercises.grading import Mistake, Quiz, called, exercise, number

whose_clips = Quiz(
    "whose_clips",
    "What would a model learn from the voice of a speaker whom it meets again in test?",
    right=(
        "All clips of an actor go to one side, whatever their sentence or emotion",
        "Then the score is about people whom the model never met; anything else measures memory.",
    ),
    wrong=(
        (
            "Clips are drawn at random, so that both sides have the same emotions",
            "Then each actor is on both sides, and recognising the actor already helps.",
        ),
        (
            "All clips of a sentence go to one side, since the words give the emotion away",
            "The sentences of CREMA-D and RAVDESS are the same in every emotion; actors are not.",
        ),
    ),
)


@exercise(
    "a function of probabilities (n, C), truth (n,) and bins that returns a number",
    "The gap between how sure and how right, weighed by how many clips say so.",
    "Only the largest probability of each clip counts, and whether it is on the true class.",
    "Put each clip into a bin by its largest probability; what are mean sureness and accuracy "
    "there, and how many of all clips are in it?",
)
def reliability_gap(answer: Any) -> None:
    rng = np.random.default_rng(0)
    for bins in (5, 10):
        p = rng.dirichlet((0.6, 0.6, 0.6), 200)
        truth = rng.integers(0, 3, 200)
        top, right = p.max(1), p.argmax(1) == truth
        place = np.minimum((top * bins).astype(int), bins - 1)
        held = [place == b for b in range(bins) if (place == b).any()]
        gaps = np.array([abs(top[m].mean() - right[m].mean()) for m in held])
        shares = np.array([m.mean() for m in held])
        found = number(called(answer, p.copy(), truth.copy(), bins))
        expected = float((shares * gaps).sum())
        if abs(found - expected) < 1e-9:
            continue
        if abs(found - gaps.mean()) < 1e-9:
            raise Mistake("You averaged over bins; weigh each by the share of clips in it.")
        if abs(found - abs(top.mean() - right.mean())) < 1e-9:
            raise Mistake(
                "Gaps of opposite sign cancel, which leaves one gap over all clips: take each "
                "bin's absolute value."
            )
        raise Mistake(f"Expected {expected:.4f} with {bins} bins; got {found:.4f}.")


@exercise(
    "a function of both, sound, picture and chance that returns (sound's share, picture's share)",
    "Exact Shapley values of two players; raters and models can be compared by them.",
    "Average what a modality adds when it comes first and when it comes second.",
    "Coming first it starts from chance; coming second, from the other modality alone.",
)
def modality_shares(answer: Any) -> None:
    for both, sound, picture, chance in ((0.636, 0.409, 0.582, 1 / 6), (0.8, 0.6, 0.5, 1 / 3)):
        found = tuple(number(value) for value in called(answer, both, sound, picture, chance))
        if len(found) != 2:
            raise Mistake(f"Expected two numbers, sound's and picture's; got {len(found)}.")
        heard = ((sound - chance) + (both - picture)) / 2
        right = (heard, both - chance - heard)
        if np.allclose(found, right, atol=1e-9):
            continue
        if np.allclose(found, right[::-1], atol=1e-9):
            raise Mistake("Sound's share comes first.")
        if np.allclose(found, (sound - chance, picture - chance), atol=1e-9):
            raise Mistake("That is what each adds when it comes first; they sum to more than both.")
        if np.allclose(found, (both - picture, both - sound), atol=1e-9):
            raise Mistake("That is what each adds when it comes second; average it with the first.")
        if np.allclose(found, (heard + chance / 2, right[1] + chance / 2), atol=1e-9):
            raise Mistake("Coming first, a modality starts from chance and not from nothing.")
        raise Mistake(
            f"Together they must be both - chance = {both - chance:.3f}; yours are "
            f"{found[0]:.3f} and {found[1]:.3f}, where {right[0]:.3f} and {right[1]:.3f} are right."
        )


@exercise(
    "the function held_out, corrected",
    "No actor on both sides, so a score says something of people whom nobody trained on.",
    "Print the actors of both sides.",
    "What must be drawn at random: clips, or actors?",
)
def held_out(answer: Any) -> None:
    rows = [(f"clip{n}", n % 3, f"actor{n % 7}") for n in range(70)]
    drawn = []
    for seed in (0, 1, 2, 3, 0):
        train, test = called(answer, list(rows), 0.3, seed)
        train, test = list(train), list(test)
        drawn.append(sorted(test))
        if sorted([*train, *test]) != sorted(rows):
            raise Mistake("Every clip belongs to one side, once.")
        shared = {row[2] for row in train} & {row[2] for row in test}
        if shared:
            raise Mistake(f"{len(shared)} of 7 actors are on both sides, such as {min(shared)}.")
        if not train or not test:
            raise Mistake("One side is empty.")
        if not 0.1 < len(test) / len(rows) < 0.5:
            raise Mistake(f"{len(test)} of {len(rows)} clips are for test; 0.3 was asked for.")
    if drawn[0] != drawn[-1]:
        raise Mistake("One seed gave two splits: draw with the seed that your function is given.")
    if all(test == drawn[0] for test in drawn):
        raise Mistake("Every seed gives the same split: draw the actors with the seed.")
