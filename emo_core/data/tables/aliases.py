"""Words that programs and people write above a column, for each column that a table may have."""

from emo_core.data.tables.cells import is_blank, parse_seconds
from emo_core.data.tables.rows import Row, Table
from emo_core.messages import say

ALIASES = {
    "url": ("url", "link", "address", "video_url", "href", "web_address"),
    "file": (
        *("file", "filename", "file_name", "filepath", "file_path", "path", "clip", "clip_name"),
        *("clipname", "clip_path", "clip_file", "video", "video_name", "video_file", "video_path"),
        *("vid_name", "vid", "media", "media_file", "audio", "audio_file", "audio_path", "wav"),
        *("recording", "datei", "dateiname", "fichier", "archivo", "files", "filenames", "clips"),
        *("input_video_url", "media_file_name"),
        *("clip_id", "video_id", "file_id", "id", "name"),
    ),
    "label": (
        *("label", "labels", "class", "emotion", "emotion_label", "category", "target"),
        *("annotation", "affect", "sentiment", "polarity", "tag", "code", "klasse", "etikett"),
        *(
            "classe",
            "etiqueta",
            "émotion",
            "étiquette",
            "emoción",
            "emozione",
            "emotions",
            "expression",
            "mood",
            "rating",
            "gefühl",
            "gefuehl",
            "stimmung",
            "kategorie",
            "feeling",
            "sentimiento",
            "catégorie",
            "categoría",
            "classes",
            "behavior",
            "behaviour",
            "videoclass",
            "choice",
            "answer_emotion",
        ),
    ),
    "start_s": (
        *("start_s", "start", "start_sec", "start_seconds", "start_time", "starttime", "begin"),
        *("begin_s", "begin_time", "begin_time_ss_msec", "begin_time_hh_mm_ss_ms", "onset"),
        *(
            "onset_s",
            "from",
            "tmin",
            "xmin",
            "t_start",
            "time_start",
            "t0",
            "von",
            "beginn",
            "début",
            "inicio",
            "inizio",
        ),
    ),
    "start_ms": ("start_ms", "begin_ms", "onset_ms", "begin_time_msec", "start_time_ms"),
    "end_s": (
        *("end_s", "end", "end_sec", "end_seconds", "end_time", "endtime", "stop", "offset"),
        *("end_time_ss_msec", "end_time_hh_mm_ss_ms", "offset_s", "to", "tmax", "xmax", "t_end"),
        *("time_end", "t1", "stop_s", "bis", "ende", "fin", "fine"),
    ),
    "end_ms": ("end_ms", "offset_ms", "end_time_msec", "stop_ms"),
    "duration_s": (
        *("duration_s", "duration", "dur", "length", "duration_ss_msec", "length_s"),
        "duration_hh_mm_ss_ms",
    ),
    "duration_ms": ("duration_ms", "duration_msec", "length_ms"),
    "group": (
        *("group", "source", "speaker", "speaker_id", "actor", "actor_id", "subject", "subject_id"),
        *("person", "person_id", "participant", "participant_id", "dialogue", "dialogue_id"),
        *("sprecher", "person_name", "locuteur", "hablante", "groupe", "grupo"),
        *("video_source", "gruppe", "session", "session_id", "group_id", "source_id"),
    ),
    "split": ("split", "set", "subset", "partition", "usage"),
    "rater": (
        *("rater", "rater_id", "annotator", "annotator_id", "coder", "coder_id", "judge"),
        *("worker", "worker_id", "workerid", "labeler", "labeller", "raters"),
    ),
    "text": ("text", "transcript", "transcription", "utterance", "sentence", "words"),
    "time_s": ("time_s", "time", "t", "timestamp", "seconds", "moment_s", "moment"),
    "time_ms": ("time_ms", "timestamp_ms"),
    "valence": ("valence", "v", "valenz", "val"),
    "arousal": ("arousal", "a", "activation", "aro", "erregung"),
}
SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "trn", "tr", "learn"), "train"),
    **dict.fromkeys(
        ("val", "valid", "validation", "dev", "devel", "development", "publictest"), "val"
    ),
    **dict.fromkeys(
        ("test", "testing", "tst", "eval", "evaluation", "held_out", "privatetest"), "test"
    ),
}


def split_word(cell: str) -> str:
    """train, val or test from the words that people use; "" = another word."""
    return SPLIT_WORDS.get(cell.casefold().replace(" ", "_").replace("-", "_"), "")


def seconds_in(table: Table, row: Row, name: str) -> float | None:
    """A time of a row, from its column of seconds or of milliseconds; None = blank.

    name: "start", "end", "duration" or "time". Raises ValueError with row, column and form.
    """
    for column, factor in ((f"{name}_s", 1.0), (f"{name}_ms", 0.001)):
        cell = row.cells.get(column, "")
        if not is_blank(cell):
            try:
                return parse_seconds(cell) * factor
            except ValueError as error:
                raise ValueError(
                    say("{where}: {error}", where=table.where(row, column), error=error)
                ) from None
    return None
