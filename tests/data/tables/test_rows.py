"""Tables as Excel, LibreOffice, Numbers, R, pandas, ELAN and hands write them: read, or refused
by row, column and form."""

import csv
import io
import re

import pytest

from emo_core.data.corpus import CorpusError
from emo_core.data.folder.columns import FOLDER
from emo_core.data.tables.rows import normalized, read_people_table

ROWS = [("anna_01.mp4", "happy", "0.5"), ("Jürgen 2.mp4", "Ärger, sehr", "1.5")]
PLAIN = 'file,label,start_s\nanna_01.mp4,happy,0.5\nJürgen 2.mp4,"Ärger, sehr",1.5\n'


def excel(delimiter=",", end="\r\n", quoting=csv.QUOTE_MINIMAL, head=("file", "label", "start_s")):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerows([head, *ROWS])
    return text.getvalue()


R_FRAME = """"file" "label" "start_s"
"1" "anna_01.mp4" "happy" 0.5
"2" "Jürgen 2.mp4" "Ärger, sehr" 1.5
"""
READ = {  # how it was written -> bytes; each holds ROWS
    "pandas to_csv(index=False)": PLAIN.encode(),
    "pandas to_csv() with its index": (
        ',file,label,start_s\n0,anna_01.mp4,happy,0.5\n1,Jürgen 2.mp4,"Ärger, sehr",1.5\n'
    ).encode(),
    "Excel CSV UTF-8": b"\xef\xbb\xbf" + excel().encode(),
    "Excel CSV in Europe": excel(";").encode("cp1252"),
    "Excel CSV UTF-8 in Europe": b"\xef\xbb\xbf" + excel(";").encode(),
    "Excel Unicode text": excel("\t").encode("utf-16"),
    "Excel text, tabs": excel("\t").encode("cp1252"),
    "Excel for Mac, CSV": excel(";", "\r").encode("mac_roman"),
    "Excel for DOS, CSV": excel(";").encode("cp850"),
    "Excel with sep=": ("sep=;\r\n" + excel(";")).encode("cp1252"),
    "UTF-16 without a mark": excel().encode("utf-16-le"),
    "UTF-16 big-endian": excel().encode("utf-16-be"),
    "UTF-32": excel().encode("utf-32"),
    "LibreOffice, all quoted": excel(quoting=csv.QUOTE_ALL, end="\n").encode(),
    "LibreOffice, semicolons": excel(";", "\n", csv.QUOTE_ALL).encode(),
    "Numbers": excel(";", "\n").encode(),
    "R write.csv": (
        '"","file","label","start_s"\n"1","anna_01.mp4","happy",0.5\n'
        '"2","Jürgen 2.mp4","Ärger, sehr",1.5\n'
    ).encode(),
    "R write.csv2": (
        '"";"file";"label";"start_s"\n"1";"anna_01.mp4";"happy";0,5\n'
        '"2";"Jürgen 2.mp4";"Ärger, sehr";1,5\n'
    ).encode(),
    "R write.table": R_FRAME.encode(),
    "R write.table, tabs": R_FRAME.replace('" "', '"\t"')
    .replace('" 0', '"\t0')
    .replace('" 1.', '"\t1.')
    .encode(),
    "bars": excel("|").encode(),
    "header in capitals with blanks": excel(head=("File Name", " LABEL ", "Start (s)")).encode(),
    "header of another program": excel(head=("Video_Name", "Emotion", "Onset")).encode(),
    "header in composed letters of macOS": excel(head=("Datei", "Label", "von")).encode(),
    "other columns between": (
        'id,file,note,label,start_s\n7,anna_01.mp4,x,happy,0.5\n8,Jürgen 2.mp4,,"Ärger, sehr",1.5\n'
    ).encode(),
    "titles above the header": ("My ratings,,\nNovember,,\n\n" + PLAIN).encode(),
    "a comment above": ("# rated by hand\n" + PLAIN).encode(),
    "blank lines": PLAIN.replace("\n", "\n\n").encode(),
    "rows of delimiters at the end, as Excel leaves them": (PLAIN + ",,\n,,\n").encode(),
    "empty columns at the end": "\n".join(line + ",," for line in PLAIN.splitlines()).encode(),
    "no newline at the end": PLAIN.rstrip("\n").encode(),
    "blanks after commas": PLAIN.replace(",", ", ")
    .replace('"Ärger,  sehr"', '"Ärger, sehr"')
    .encode(),
    "no-break spaces": PLAIN.replace("happy", "\xa0happy\xa0").encode(),
    "typographic quotes": "file;label;start_s\n“anna_01.mp4”;„happy“;0.5\n"
    "Jürgen 2.mp4;Ärger, sehr;1.5\n".encode(),
    "formulas that keep text": 'file,label,start_s\n"=""anna_01.mp4""",happy,0.5\n'
    'Jürgen 2.mp4,"Ärger, sehr",1.5\n'.encode(),
    "decomposed letters of macOS": PLAIN.replace("ü", "u\u0308").replace("Ä", "A\u0308").encode(),
}


def read(tmp_path, data: bytes, known=lambda cells: sum(c in {r[0] for r in ROWS} for c in cells)):
    path = tmp_path / "labels.csv"
    path.write_bytes(data)
    return read_people_table(path, FOLDER, "in the folder", known)


@pytest.mark.parametrize("how", READ)
def test_every_way_of_writing_gives_the_same_rows(tmp_path, how):
    table = read(tmp_path, READ[how])
    cells = [
        (row.cells["file"], row.cells["label"], row.cells["start_s"].replace(",", "."))
        for row in table.rows
    ]
    expected = [tuple(cell.replace(", ", ", ") for cell in row) for row in ROWS]
    assert cells == expected
    assert table.findings.sentences() == ()


def test_there_are_more_than_thirty_ways():
    assert len(READ) + len(REFUSED) + len(ROW_REFUSED) > 45


REFUSED = {  # what is found -> (bytes, what the sentence says)
    "xlsx": (b"PK\x03\x04rest", "labels.csv is a workbook .*expected plain text.*CSV UTF-8"),
    "xls": (b"\xd0\xcf\x11\xe0rest", "old Excel workbook"),
    "pdf": (b"%PDF-1.7", "is a PDF"),
    "rtf": (b"{\\rtf1 file", "rich text"),
    "html": (b"<html><table>", "web page"),
    "gz": (b"\x1f\x8b\x08", "compressed"),
    "empty": (b"", "is empty; expected rows such as 'file,label'"),
    "blank": (b"\r\n\r\n", "is empty"),
    "no header": (b"1,2,3\n4,5,6\n", "starts with '1,2,3'; expected a header with the column"),
    "no header, three columns": (b"a.mp4,happy,anna\n", "starts with 'a.mp4,happy,anna'.*header"),
    "open quote": (b'file,label\na.mp4,"happy\nb.mp4,sad\n', "line 2: a quotation mark"),
    "double column": (b"file,label,label\na.mp4,x,y\n", "more than one column 'label'"),
    "broken utf-16": (b"\xff\xfef\x00i\x00l", "can't be read from byte"),
    "bytes of no text": (bytes(range(256)) * 4, "is not text|starts with|quotation"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_table_is_one_sentence(tmp_path, what):
    data, sentence = REFUSED[what]
    with pytest.raises(CorpusError, match=sentence) as error:
        read(tmp_path, data)
    assert "\n" not in str(error.value)


ROW_REFUSED = {  # what is found -> (rows below a header, what the finding says)
    "an unquoted comma": ("a.mp4,happy, very,0.5\nb.mp4,sad,1\n", "line 2 has 4 cells.* header 3"),
    "an unquoted decimal comma": ("a.mp4,happy,0,5\nb.mp4,sad,1\n", "line 2 has 4 cells"),
    "no file": (",happy,0.5\nb.mp4,sad,1\n", "line 2, column 'file': the cell is empty"),
    "two lines in a label": ('a.mp4,"hap\npy",1\nb.mp4,sad,1\n', "column 'label': .*2 lines"),
    "a quote that swallows a row": ('a.mp4,"x,1\nq.mp4,y,2\n",1\nb.mp4,sad,1\n', "spans"),
}


@pytest.mark.parametrize("what", ROW_REFUSED)
def test_a_row_that_can_not_be_read_is_named_and_the_others_are_read(tmp_path, what):
    rows, sentence = ROW_REFUSED[what]
    table = read(tmp_path, ("file,label,start_s\n" + rows).encode())
    assert [row.cells["file"] for row in table.rows] == ["b.mp4"]
    (found,) = table.findings.sentences()
    assert re.search(sentence, found), found


def test_a_table_without_header_of_two_columns_is_read_and_said(tmp_path):
    table = read(tmp_path, b"a.mp4;happy\nb.mp4;sad\n")
    assert [row.cells["label"] for row in table.rows] == ["happy", "sad"]
    assert "no header" in table.notes[0]


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    table = read(tmp_path, b'file,label,text\n\na.mp4,happy,"so\nlong"\nb.mp4,sad,x\n')
    assert [(row.line, row.cells["text"]) for row in table.rows] == [(3, "so long"), (5, "x")]


def test_names_on_disk_decide_the_encoding(tmp_path):
    data = "file,label\nмама_1.mp4,ok\n".encode("cp1251")
    table = read(tmp_path, data, lambda cells: cells.count("мама_1.mp4"))
    assert table.rows[0].cells["file"] == "мама_1.mp4" and "cp1251" in table.notes[0]


def test_headers_are_compared_in_one_form():
    assert normalized("\ufeff Start (ms) ") == "start_ms" and normalized("File-Name") == "file_name"
    assert normalized("Begin Time - ss.msec") == "begin_time_ss_msec"


def read_of(tmp_path, content: bytes):
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    return read_people_table(path, FOLDER, "in own")


def test_a_cell_may_be_long(tmp_path):
    limit = csv.field_size_limit()
    table = read_of(tmp_path, b"file,label\na.mp4," + b"x" * 1_000_000 + b"\nb.mp4,y\n")
    assert len(table.rows[0].cells["label"]) == 1_000_000 and len(table.rows) == 2
    assert csv.field_size_limit() == limit  # of other readers in this process


def test_lines_quoted_as_a_whole_are_unwrapped(tmp_path):
    table = read_of(tmp_path, b'"file;label"\n"a.mp4;x"\n\n"b.mp4;y"\n')
    assert [(r.line, r.cells["label"]) for r in table.rows] == [(2, "x"), (4, "y")]


def test_a_header_that_comes_again_is_no_row(tmp_path):
    table = read_of(tmp_path, b"file,label\na.mp4,x\nfile,label\nb.mp4,y\n")
    assert len(table.rows) == 2
    assert table.findings.sentences()[0].startswith("labels.csv line 3 repeats the header")


ROWS_ENDING = b"a.mp4,happy,anna,\nb.mp4,sad,ben,\n"


def test_a_delimiter_at_the_end_of_every_row_is_no_column(tmp_path):
    table = read_of(tmp_path, b"file,label,group\n" + ROWS_ENDING)
    assert [tuple(row.cells.values()) for row in table.rows] == [
        ("a.mp4", "happy", "anna"),
        ("b.mp4", "sad", "ben"),
    ]


def test_names_of_rows_stay_names_where_the_last_column_is_empty(tmp_path):
    table = read_of(tmp_path, b'"file","label","text"\n"1","a.mp4","x",""\n"2","b.mp4","y",""\n')
    assert [row.cells["file"] for row in table.rows] == ["a.mp4", "b.mp4"]
