"""What models were trained on, in the words of their cards: sources, mapping, licence, failures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class World:
    """What a visitor must know of the training data; each field is a part of the card."""

    note: str  # one sentence, shown beside every answer
    sources: str
    mapping: str
    licence: str
    failures: str
    label: str = "perceived group affect, as annotators would say it"


DRAWN = World(
    note="This model has only ever seen drawings: on a real clip its answer means nothing yet.",
    sources="Groups drawn by this project with synthesised sound; no real person is in them.",
    mapping="The label is what the drawn scene was made to show; the planted evidence is known.",
    licence="MIT, as the code.",
    failures="Anything that is not a drawing of this world.",
)

_VOICES = (
    "Voices: RAVDESS speech, actors 01-04 and 06-18 (Livingstone and Russo 2018, CC BY-NC-SA "
    "4.0); Berlin EMO-DB, seven speakers (Burkhardt et al. 2005, CC0 1.0). "
)
_FACES = (
    "photographs of single faces by expression, news pictures (LFW) and film stills "
    "(repository Apache-2.0, pictures from the web: research and teaching only, not passed on). "
)
_NOBODY_TWICE = "No person, speaker or source recording is in two of train, validation and test."

COLLAGE = World(
    note=(
        "Trained on acted voices and posed photographs, put together; the label is a mapping from "
        "what single people acted, not a judgement of groups."
    ),
    sources=(
        f"{_VOICES}Faces: 4,088 {_FACES}"
        "Ambience and baby cries: ESC-10 (Piczak 2015; CC BY 3.0 or CC0 a clip). Crowds and "
        "distress: sounds of soundmonster, OpenSFX, OpenRCT2, GameplayFootball and osu! (CC0, "
        "CC BY, CC BY-NC, Unlicense a file). Backbones start from `group-staged` (drawings, MIT). "
        f"{_NOBODY_TWICE}"
    ),
    mapping=(
        "Positive: happiness; laughter, cheers, applause. Neutral: neutral, calm; murmur. "
        "Negative: anger, disgust, fear, sadness, contempt; cries, screams, sirens. Surprise is "
        "left out. It maps what one person acted or posed; nobody judged a group."
    ),
    licence=(
        "CC BY-NC-SA 4.0, research and teaching only, whatever the code's licence: it was trained "
        "on RAVDESS and on photographs from the web."
    ),
    failures=(
        "Photographs do not move: this model knows nothing of movement, nor of sound in time with "
        "it. Seventeen English and seven German actors, ten people in all film stills and mostly "
        "public figures in the news: other languages, children and other faces are unmeasured. "
        "Small, turned, dark or covered faces; quiet anger; music; masks. On drawings it was not "
        "trained. Temperature and threshold were chosen on collages: on real clips its "
        "certainty is not calibrated."
    ),
)

UTTERANCES = World(
    label="the emotion that one person acted or posed",
    note=(
        "Trained on acted voices and posed photographs of different people, put together; the "
        "label is the emotion that single people acted, not what anybody felt."
    ),
    sources=(
        f"{_VOICES}Faces: 4,386 {_FACES}Ambience: ESC-10 (Piczak 2015; CC BY 3.0 or CC0 a clip). "
        f"{_NOBODY_TWICE}"
    ),
    mapping=(
        "One of six emotions, as a single person acted or posed it, or none: neutral and calm. "
        "Happiness, sadness and so on of the tables stand under the words of CMU-MOSEI; contempt "
        "is left out. Nobody judged the clips."
    ),
    licence=COLLAGE.licence,
    failures=(
        "Photographs do not move, and face and voice are of different people. Of fear there are "
        "three faces of train, six of test and four of validation; of disgust 55 in all. Voices "
        "speak two English and ten German sentences; German ones are never disgusted, afraid or "
        "surprised, and no sentence tells the emotion: what words mean was not learned. One "
        "emotion a clip at most, one person a clip. Other languages, children and feelings that "
        "nobody acts are unmeasured. On test people it does not know fear (AUC 0.51), and where "
        "the face is hidden it is no better than yes to everything. Thresholds were chosen on val."
    ),
)

# by the first word of a corpus's name
WORLDS = {"staged": DRAWN, "collage": COLLAGE, "utterances": UTTERANCES}
