"""What own clips hold that a table does not say: faces, pictures, more seconds than are read."""

from collections.abc import Sequence

from emo_core.data.corpus import Item, name_list
from emo_core.data.inspection import Inspection
from emo_core.preprocess.sample import SampleConfig

MOST = 500  # clips in which faces are looked for, spread evenly; faces take some 50 ms a clip
WINDOW_S = SampleConfig().window_s  # seconds of a clip that most recipes read


def face_search_of(count: int) -> range:
    """Indices of the items, of so many, in which faces are looked for."""
    return range(0, count, max(1, -(-count // MOST)))


def content_report(
    items: Sequence[Item], found: Sequence[Inspection]
) -> tuple[list[str], dict[str, list[str]]]:
    """(notes, {"no_face", "no_picture", "long": names}) of what items were found to hold."""
    good = [(item, one) for item, one in zip(items, found, strict=True) if not one.problem]
    names = {
        "no_face": [item.name for item, one in good if one.has_face is False],
        "no_picture": [item.name for item, one in good if not one.has_video],
        "long": [item.name for item, one in good if one.seconds > WINDOW_S + 0.5],
    }
    what = {
        "no_face": "show no face that is found: recipes that read faces (fe2e, mesm, jmt) have "
        "only the sound of them; people and group-folder read whole frames too",
        "no_picture": "have no picture: only their sound is learnt from",
        "long": f"last longer than {WINDOW_S:g} s, of which most recipes read the beginning; rows "
        "with start_s and end_s choose a part",
    }
    some = len(face_search_of(len(items))) < len(items)
    searched = sum(one.has_face is not None for _, one in good)
    of = dict.fromkeys(names, f"{len(good)} clips")
    if some:
        of["no_face"] = f"{searched} clips that were looked at"
    return [
        f"{len(listed)} of {of[kind]} {what[kind]} ({name_list(listed)})."
        for kind, listed in names.items()
        if listed
    ], names
