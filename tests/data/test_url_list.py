"""A table of web addresses becomes a corpus; no address is ever asked: `fetch` is replaced."""

import json
from pathlib import Path

import pytest

from emo_core.cli.main import main
from emo_core.corpora import read_corpus
from emo_core.data import url_list as links
from emo_core.data.corpus import CorpusError, refuse_leaks
from emo_core.io.download import DownloadError
from tests.support import media_files as media

HEADER = "url,start_s,end_s,label,group"
SITE = "https://commons.wikimedia.org/wiki/File:"
ROWS = [
    f"{SITE}Party.webm,0,3,positive,party",
    f"{SITE}Party.webm,10.5,14,neutral,party",
    f"{SITE}Fight.webm,2,4,negative,fight",
    f"{SITE}Talk.webm,0,2,neutral,talk",
]


class Web:
    """What the web answers: clips, or sentences for addresses that hold `bad`."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, float, float]] = []
        self.bad: tuple[str, ...] = ()

    def __call__(self, url: str, out: Path, start_s: float, end_s: float) -> Path:
        self.asked.append((url, start_s, end_s))
        if any(word in url for word in self.bad):
            raise DownloadError(f"{url}: it isn't there; choose another.")
        count = 25 + len(self.asked)
        return media.write(
            out, media.Picture(media.regular(count)), media.Sound(seconds=1.0, tone_hz=500.0)
        )


@pytest.fixture
def web(monkeypatch) -> Web:
    made = Web()
    monkeypatch.setattr(links, "fetch", made)
    return made


@pytest.fixture
def table(tmp_path) -> Path:
    path = tmp_path / "links.csv"
    path.write_text("\n".join([HEADER, *ROWS]) + "\n")
    return path


def emo(capsys, *words: object) -> tuple[int, dict | None, str]:
    code = main([*map(str, words), "--json"])
    out, err = capsys.readouterr()
    assert "Traceback" not in err and "should not happen" not in err
    return code, json.loads(out) if out else None, err


def test_a_table_becomes_a_corpus_that_checks_clean(capsys, web, table, tmp_path):
    out = tmp_path / "corpus"
    code, answer, _ = emo(capsys, "data", "fetch", table, out)
    assert code == 0 and answer == {
        "corpus": "links",
        "out": str(out),
        "clips": 4,
        "fetched": 4,
        "errors": [],
    }
    assert web.asked[1] == (f"{SITE}Party.webm", 10.5, 14.0)
    code, report, _ = emo(capsys, "data", "check", out, "--corpus", "links")
    assert code == 0 and report["problems"] == []
    corpus = refuse_leaks(read_corpus("links", out))
    assert corpus.labels == ("positive", "neutral", "negative")  # in the order of the table
    assert sorted((i.label, i.group) for i in corpus.items) == [
        ("negative", "fight"),
        ("neutral", "party"),
        ("neutral", "talk"),
        ("positive", "party"),
    ]
    assert sorted(p.name for p in out.iterdir()) == ["clips", "links.csv"]


SEMI = "url;start_s;end_s;label;group\n{site}A;0,5;3,5;positive;g1\n"
CLOCK = "URL,Start,End,Label,Group,Split\n{site}A,0:05,0:10,positive,g1,Training\n"


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (SEMI.format(site=SITE).encode(), (0.5, 3.5)),
        (SEMI.format(site=SITE).encode("utf-16"), (0.5, 3.5)),
        (b"\xef\xbb\xbf" + CLOCK.format(site=SITE).encode(), (5.0, 10.0)),
        (CLOCK.format(site=SITE).replace(",", "\t").encode("utf-16"), (5.0, 10.0)),
        (
            CLOCK.format(site=SITE).replace("Start", "Start (ms)").replace("0:05", "500").encode(),
            (0.5, 10.0),
        ),
    ],
)
def test_tables_of_other_programs_are_read(tmp_path, data, part):
    path = tmp_path / "mine.csv"
    path.write_bytes(data)
    (link,), problems = links.read_links_table(path)
    assert (link.start_s, link.end_s) == part and problems == [] and link.label == "positive"


def test_a_missing_column_is_named(tmp_path):
    (tmp_path / "l.csv").write_text("url,start_s,end_s,label\n")
    with pytest.raises(CorpusError, match="l.csv has no column group; expected url,start_s"):
        links.read_links_table(tmp_path / "l.csv")


def test_one_failure_stops_nothing_and_a_second_run_fetches_what_is_missing(
    capsys, web, table, tmp_path
):
    out = tmp_path / "corpus"
    web.bad = ("Fight",)
    code, answer, err = emo(capsys, "data", "fetch", table, out)
    assert code == 1 and (answer["clips"], answer["fetched"]) == (3, 3)
    assert [e["url"] for e in answer["errors"]] == [f"{SITE}Fight.webm"] and "Fight" in err
    assert any("Fight" in p and "again" in p for p in read_corpus("links", out).problems)
    web.bad, web.asked = (), []
    code, answer, _ = emo(capsys, "data", "fetch", table, out)
    assert code == 0 and (answer["clips"], answer["fetched"]) == (4, 1)
    assert len(web.asked) == 1 and read_corpus("links", out).problems == ()


def test_a_run_that_is_killed_leaves_what_it_has_and_goes_on(monkeypatch, web, table, tmp_path):
    def killed(*args):
        if len(web.asked) == 2:
            raise KeyboardInterrupt
        return web(*args)

    monkeypatch.setattr(links, "fetch", killed)
    with pytest.raises(KeyboardInterrupt):
        links.fetch_links(table, tmp_path / "corpus")
    assert len(read_corpus("links", tmp_path / "corpus").items) == 2
    monkeypatch.setattr(links, "fetch", web)
    assert links.fetch_links(table, tmp_path / "corpus")["fetched"] == 2


def test_the_same_part_is_fetched_once(capsys, web, table, tmp_path):
    table.write_text("\n".join([HEADER, *ROWS, ROWS[0], ROWS[0].replace(",3,", ",3.0,")]))
    code, answer, _ = emo(capsys, "data", "fetch", table, tmp_path / "corpus")
    assert code == 0 and answer["clips"] == 4 and len(web.asked) == 4


@pytest.mark.parametrize(
    "row,words",
    [
        (f"{SITE}A.webm,5,5,positive,g", "lasts from 5.0 to 5.0"),
        (f"{SITE}A.webm,0,60,positive,g", "at most 20 s"),
        (f"{SITE}A.webm,nan,3,positive,g", "expected seconds such as"),
        (f"{SITE}A.webm,zero,3,positive,g", "column 'start_s': found 'zero', expected seconds"),
        (f"{SITE}A.webm,0,3,,g", "no label"),
        (f"{SITE}A.webm,0,3,positive,", "no group"),
        ("http://127.0.0.1/a.mp4,0,3,positive,g", "refused"),
        ("file:///etc/passwd,0,3,positive,g", "refused"),
        (f"{SITE}Party.webm,0,3,negative,party", "another label"),
    ],
)
def test_a_bad_row_costs_one_clip_and_is_named_by_its_line(
    capsys, web, table, tmp_path, row, words
):
    table.write_text("\n".join([HEADER, *ROWS, row]))
    code, answer, _ = emo(capsys, "data", "fetch", table, tmp_path / "corpus")
    assert code == 1 and answer["clips"] == 4 and len(web.asked) == 4
    (error,) = answer["errors"]
    assert "links.csv line 6" in error["error"] and words in error["error"]


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", HEADER + "\n", f"{HEADER}\nx,y,z,p,q\n"], ids=range(4)
)
def test_a_table_without_a_usable_row_is_one_line_and_exit_2(capsys, web, table, tmp_path, text):
    table.write_text(text)
    code, answer, err = emo(capsys, "data", "fetch", table, tmp_path / "corpus")
    assert code == 2 and answer is None and len(err.strip().splitlines()) == 1
    assert not (tmp_path / "corpus").exists()


def test_nothing_fetched_is_exit_2(capsys, web, table, tmp_path):
    web.bad = ("wikimedia",)
    code, answer, _ = emo(capsys, "data", "fetch", table, tmp_path / "corpus")
    assert code == 2 and answer["clips"] == 0 and len(answer["errors"]) == 4
    with pytest.raises(CorpusError, match="no fetched clip"):
        read_corpus("links", tmp_path / "corpus")


def test_another_folder_is_not_touched(capsys, web, table, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("x")
    code, _, err = emo(capsys, "data", "fetch", table, tmp_path / "other")
    assert code == 2 and "something else" in err and web.asked == []
    assert [p.name for p in (tmp_path / "other").iterdir()] == ["thesis.txt"]


def test_groups_stay_together_and_a_split_column_decides(capsys, web, table, tmp_path):
    shares = [links.split_of(f"group {i}") for i in range(2000)]
    assert 0.75 < shares.count("train") / 2000 < 0.85 and shares.count("test") > 100
    rows = [
        f"{row},{split}" for row, split in zip(ROWS, ("test", "test", "val", "train"), strict=True)
    ]
    table.write_text("\r\n".join([f"\ufeff{HEADER},split", *rows]), encoding="utf-8")
    emo(capsys, "data", "fetch", table, tmp_path / "corpus")
    found = {(i.group, i.split) for i in read_corpus("links", tmp_path / "corpus").items}
    assert found == {("party", "test"), ("fight", "val"), ("talk", "train")}


def test_a_group_in_two_splits_is_a_leak(capsys, web, table, tmp_path):
    rows = [
        f"{row},{split}" for row, split in zip(ROWS, ("test", "train", "val", "train"), strict=True)
    ]
    table.write_text("\n".join([f"{HEADER},split", *rows]))
    emo(capsys, "data", "fetch", table, tmp_path / "corpus")
    code, report, _ = emo(capsys, "data", "check", tmp_path / "corpus", "--corpus", "links")
    assert code == 1 and any("source party is in test and train" in p for p in report["problems"])
