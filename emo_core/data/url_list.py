"""Clips named by a table of web addresses, fetched once: the open road to real training data.

`emo data fetch LINKS.csv OUT` reads url,start_s,end_s,label,group (and split, if it is there) and
makes OUT/links.csv and OUT/clips/<id>.mp4. Labels stand in the order of their first row; without
a split column, the group's name decides: 8 of 10 train, 1 val, 1 test.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emo_core.data.corpus import Corpus, CorpusError, Item
from emo_core.data.tables.aliases import ALIASES, seconds_in, split_word
from emo_core.data.tables.rows import Columns, Row, Table, read_people_table
from emo_core.io.atomic import atomic_path, sole_writer
from emo_core.io.download import DownloadError, DownloadLimits, check_url, fetch
from emo_core.messages import say
from emo_core.schema import SPLITS

COLUMNS = ("url", "start_s", "end_s", "label", "group")
LINKS = Columns(
    {n: ALIASES[n] for n in (*COLUMNS, "start_ms", "end_ms", "split")},
    "url",
    lambda text: text.startswith(("http://", "https://", "www.")),
    COLUMNS,
    f"'{','.join(COLUMNS)}'",
)
TABLE, CLIPS = "links.csv", "clips"


@dataclass(frozen=True)
class Link:
    """One row: a part of a video on the web, with its label."""

    url: str
    start_s: float
    end_s: float
    label: str
    group: str
    split: str

    @property
    def name(self) -> str:
        """The same for the same part of the same video."""
        text = f"{self.url} {self.start_s} {self.end_s}"
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def split_of(group: str) -> str:
    """Where a group goes that names no split: decided by its name alone."""
    tenth = hashlib.blake2b(group.encode(), digest_size=8).digest()[0] % 10
    return {0: "test", 1: "val"}.get(tenth, "train")


def read_links_table(path: Path) -> tuple[list[Link], list[str]]:
    """Usable rows, each part of a video once, and a sentence for every other row."""
    links: dict[str, Link] = {}
    problems = []
    table = read_people_table(path, LINKS, "where the command says")
    missing = [name for name in COLUMNS if not {name, f"{name[:-2]}_ms"} & table.headers.keys()]
    if missing:
        raise CorpusError(
            "{name} has no column {missing}; expected {columns}; add it.",
            name=path.name,
            missing=", ".join(missing),
            columns=",".join(COLUMNS),
        )
    for row in table.rows:
        try:
            link = _link(table, row)
            if links.setdefault(link.name, link).label != link.label:
                raise CorpusError("this part has another label in a row above; expected one label")
        except (CorpusError, DownloadError, ValueError) as error:
            text = str(error)
            if not text.startswith(path.name):
                text = say(
                    "{name} line {line}: {error:clause}", name=path.name, line=row.line, error=error
                )
            problems.append(say("{error:clause}; the row is left out.", error=text))
    return list(links.values()), [*table.findings.sentences(), *problems]


def _link(table: Table, row: Row) -> Link:
    start_s, end_s = (_seconds(table, row, name) for name in ("start", "end"))
    longest_s = DownloadLimits().clip_s
    if not 0 <= start_s < end_s <= start_s + longest_s:
        raise CorpusError(
            "it lasts from {start_s} to {end_s} s; expected start before end and at most "
            "{longest_s:.0f} s between them",
            start_s=start_s,
            end_s=end_s,
            longest_s=longest_s,
        )
    values = {name: row.cells.get(name, "") for name in ("url", "label", "group", "split")}
    for name in ("label", "group"):
        if not values[name]:
            raise CorpusError("it has no {name}; expected one", name=name)
    word = values["split"]
    split = split_word(word) if word else split_of(values["group"])
    if not split:
        raise CorpusError(
            "split {word!r} is none of {splits}", word=word[:20], splits=", ".join(SPLITS)
        )
    return Link(check_url(values["url"]), start_s, end_s, values["label"], values["group"], split)


def _seconds(table: Table, row: Row, name: str) -> float:
    """A time that has to be there; raises ValueError with row, column and form."""
    value = seconds_in(table, row, name)
    if value is None:
        place = table.where(row, f"{name}_s")
        raise ValueError(
            say("{place}: there is no time; expected seconds such as 5.25", place=place)
        )
    return value


def fetch_links(table: Path, out: Path, progress: Callable[[int, int], None] | None = None) -> dict:
    """Fetch what `out` lacks: {"clips", "fetched", "errors"}; one failure stops nothing else.

    Raises CorpusError where the table has no usable row or `out` holds another corpus,
    FolderInUseError where another process fetches into it.
    """
    links, problems = read_links_table(table)
    if not links:
        columns = ",".join(COLUMNS)
        if not problems:
            raise CorpusError(
                "{name} has no usable row; expected {columns}.", name=table.name, columns=columns
            )
        raise CorpusError(
            "{name} has no usable row; expected {columns}; the first problem: {first}",
            name=table.name,
            columns=columns,
            first=problems[0],
        )
    if (out / TABLE).is_file():
        links = _merge_links(out / TABLE, links)
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CorpusError("{out} holds something else; expected a new or empty folder.", out=out)
    (out / CLIPS).mkdir(parents=True, exist_ok=True)
    with sole_writer(out):
        _write_table(out / TABLE, links)
        clips, fetched, errors = _fetch_missing(links, out, progress)
    of_rows = [{"url": None, "error": problem} for problem in problems]
    return {"clips": clips, "fetched": fetched, "errors": [*of_rows, *errors]}


def _fetch_missing(
    links: Sequence[Link], out: Path, progress: Callable[[int, int], None] | None
) -> tuple[int, int, list[dict]]:
    """Fetch clips into a folder that this process holds: how many there are, how many are new."""
    errors: list[dict] = []
    there = fetched = 0
    for done, link in enumerate(links, start=1):
        path = out / CLIPS / f"{link.name}.mp4"
        try:
            if not path.is_file():
                fetch(link.url, path, link.start_s, link.end_s)
                fetched += 1
            there += 1
        except DownloadError as error:
            errors.append({"url": link.url, "error": str(error)})
        if progress:
            progress(done, len(links))
    return there, fetched, errors


def _merge_links(path: Path, links: list[Link]) -> list[Link]:
    """What is there already and what is new; a row that changed counts as new."""
    known = {link.name: link for link in read_links_table(path)[0]}
    return list((known | {link.name: link for link in links}).values())


def _write_table(path: Path, links: list[Link]) -> None:
    """The rows; a killed run leaves a whole table."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow((*COLUMNS, "split"))
    for link in links:
        rows.writerow((link.url, link.start_s, link.end_s, link.label, link.group, link.split))
    with atomic_path(path) as part:
        part.write_text(text.getvalue(), encoding="utf-8")


def read_links(root: Path) -> Corpus:
    """Read a folder made by `emo data fetch`; rows that were not fetched are named."""
    if not (root / TABLE).is_file():
        raise CorpusError(
            "{name} holds no {table}; expected a folder made by `emo data fetch`; make one.",
            name=root.name,
            table=TABLE,
        )
    links, problems = read_links_table(root / TABLE)
    items = []
    for link in links:
        path = root / CLIPS / f"{link.name}.mp4"
        if path.is_file():
            items.append(Item(f"{CLIPS}/{link.name}", path, link.split, link.label, link.group))
        else:
            problems.append(
                say(
                    "{url} from {start_s} to {end_s} s is not there; expected "
                    "{clips}/{name}.mp4; run `emo data fetch` again.",
                    url=link.url,
                    start_s=link.start_s,
                    end_s=link.end_s,
                    clips=CLIPS,
                    name=link.name,
                )
            )
    if not items:
        raise CorpusError(
            "{name} holds no fetched clip; {problem}",
            name=root.name,
            problem=(problems or [say("its table is empty.")])[0],
        )
    labels = tuple(dict.fromkeys(link.label for link in links))
    return Corpus("links", root, labels, tuple(items), tuple(problems))
