"""The explorer's page as a file: what it holds, what it must not, how large it may be."""

import base64
import hashlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.explored import CLASSES, IMAGE, SCRIPT, Explored, Report, joined, plain_reports, unpacked

from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import pairs
from clipit.artifacts.tables import read_table, write_table
from clipit.reporting.explorer import build_explorer
from clipit.runtime.errors import UserError


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., str]:
    """Builds a page of files as `Explored` writes them, with some arguments replaced; gives its HTML."""

    def page(content: dict[str, Any], **changes: Any) -> str:
        build_explorer(tmp_path / "explorer.html", **{**content, **changes})
        return (tmp_path / "explorer.html").read_text(encoding="utf-8")

    return page


@pytest.fixture
def content(tmp_path: Path) -> dict[str, Any]:
    return Explored(tmp_path).write()


def test_every_pair_is_told_as_the_tables_have_it(build, content) -> None:
    blocks = unpacked(build(content))
    images, reports, told = blocks["images-0"], blocks["reports-0"], blocks["pairs-0"]
    for m, method in enumerate(content["collections"][0]["methods"]):
        rows = {
            (row["patch_id"], row["rank"]): row for row in read_table(method["pairs"], pairs.SCHEMA).table.to_pylist()
        }
        columns = told["methods"][m]
        for i, patch_id in enumerate(images["patch_id"]):
            for rank in range(5):
                passage, row = columns["passage"][5 * i + rank], rows[patch_id, rank]
                number = told["passages"]["report"][passage]
                assert reports["report_id"][number] == row["report_id"]
                units = reports["text"][number].encode("utf-16-le")
                start, stop = (told["passages"][name][passage] for name in ("start", "stop"))
                assert units[2 * start : 2 * stop].decode("utf-16-le").startswith("FINAL DIAGNOSIS: ")
                assert told["sections"][told["passages"]["section"][passage]] == "diagnosis"
                for name in ("similarity", "score", "weight"):
                    assert columns[name][5 * i + rank] == pytest.approx(row[name], rel=1e-3)
        first = [row["report_id"] for (_, rank), row in rows.items() if rank == 0]
        assert columns["uses"] == [first.count(report) for report in reports["report_id"]]
    names = [["train", "val", "test"][s] for s in images["split"]]
    assert (names[0], names[4], names[8]) == ("train", "val", "test")
    known = blocks["contents"]["datasets"][0]["classes"]
    assert known == [*CLASSES, "unlabelled"]
    assert [known[label] for label in images["class"]][5:8] == [CLASSES[2], "unlabelled", CLASSES[1]]


def test_pictures_are_the_images_where_the_script_looks_for_them(build, tmp_path) -> None:
    content = Explored(tmp_path, n=230, size=112).write()
    blocks = unpacked(build(content))
    known, images = blocks["contents"], blocks["images-0"]
    assert (known["per_sheet"], known["columns"], known["datasets"][0]["side"]) == (100, 10, 96)
    sheets = [np.asarray(Image.open(io.BytesIO(blocks[f"sheet-0-{i}"]))) for i in range(3)]
    assert [sheet.shape for sheet in sheets] == [(960, 960, 3), (960, 960, 3), (288, 960, 3)]
    store = PatchStore(content["datasets"]["ward"]["store"])
    for i in (0, 9, 10, 99, 100, 229):
        y, x = 96 * (i % 100 // 10), 96 * (i % 10)
        drawn, patch = sheets[i // 100][y : y + 96, x : x + 96], store.batch([int(images["patch_id"][i][-5:])])[0]
        assert np.abs(drawn.mean((0, 1)) - patch.mean((0, 1))).max() < 6


def test_small_patches_are_not_enlarged(build, content) -> None:
    assert unpacked(build(content))["contents"]["datasets"][0]["side"] == 16


def test_text_enters_the_page_packed_and_nothing_is_loaded(build, tmp_path) -> None:
    corpus = plain_reports(4)
    corpus[0] = Report(f"id{SCRIPT}{IMAGE}", corpus[0].text, corpus[0].chunks)
    page = build(Explored(tmp_path, corpus=corpus, classes=(f"glands {SCRIPT}{IMAGE}", "stroma")).write())
    assert SCRIPT not in page and IMAGE not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page  # the class, in the table of counts
    assert any(SCRIPT in text for text in unpacked(page)["reports-0"]["text"])
    assert not re.findall(r"<(?:img|link|iframe|object|embed|base)\b|\son\w+=\"|@import|url\(|https?://", page)
    assert set(re.findall(r'\b(?:src|href)="([^"]*)"', page)) == {"index.html", "#list"}


def test_script_and_style_are_allowed_by_their_digests_and_nothing_else_is(build, content) -> None:
    page = build(content)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert set(rules) == {"default-src", "style-src", "script-src", "base-uri", "form-action"}
    (style,), (script,) = (re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL) for tag in ("style", "script"))
    for rule, text in (("style-src", style), ("script-src", script)):
        assert rules[rule] == f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|DOMParser|fetch\(", script)
    assert not re.search(r'\sstyle="', page)


@pytest.mark.parametrize("weak", [False, True])
def test_weak_labels_and_synthetic_data_are_called_so(build, tmp_path, weak: bool) -> None:
    content = Explored(tmp_path, weak=weak).write()
    page = build(content, synthetic=weak)
    assert ("Labels are weak" in page) == weak
    assert ("SYNTHETIC DATA" in page) == weak
    assert unpacked(page)["contents"]["datasets"][0]["weak"] is weak


def test_without_show_text_no_word_and_no_id_of_a_report_is_in_the_page(build, content) -> None:
    page = build(content, show_text=False)
    blocks = unpacked(page)
    everything = page + json.dumps({name: block for name, block in blocks.items() if not name.startswith("sheet-")})
    for secret in ("TCGA", "formalin", "tubular", "biopsy", "hostile", "𝒢", "\\ud835"):
        assert secret not in everything
    assert blocks["reports-0"] == {"n": 12}
    assert set(blocks["pairs-0"]["passages"]) == {"report", "section"}
    assert blocks["pairs-0"]["sections"] == ["diagnosis"]
    assert "confidential" in page
    assert "confidential" not in build(content)


def test_reports_are_numbered_by_use_and_not_by_id(build, content) -> None:
    shown, hidden = (unpacked(build(content, show_text=show)) for show in (True, False))
    uses = np.sum([method["uses"] for method in shown["pairs-0"]["methods"]], axis=0)
    assert uses.tolist() == sorted(uses, reverse=True)
    assert shown["reports-0"]["report_id"] != sorted(shown["reports-0"]["report_id"])
    assert shown["pairs-0"]["passages"]["report"] == hidden["pairs-0"]["passages"]["report"]


def test_only_paired_reports_are_in_the_page(build, tmp_path) -> None:
    content = Explored(tmp_path, n=5, corpus=plain_reports(200)).write()
    reports = unpacked(build(content))["reports-0"]
    assert 5 <= reports["n"] <= 5 * 5 * 3
    assert len(reports["text"]) == reports["n"]


def test_a_corpus_of_one_report_leaves_ranks_empty(build, tmp_path) -> None:
    blocks = unpacked(build(Explored(tmp_path, corpus=plain_reports(1)).write()))
    method = blocks["pairs-0"]["methods"][0]
    assert method["passage"][:6] == [0, None, None, None, None, 0]
    assert method["score"][1:5] == [None] * 4


def test_a_sample_is_drawn_and_its_counts_are_written(build, tmp_path) -> None:
    content = Explored(tmp_path, n=1000).write()
    page = build(content, most_images=300)
    images = unpacked(page)["images-0"]
    assert len(images["patch_id"]) == 300
    assert images["patch_id"] == sorted(images["patch_id"])
    assert "ward: 300 of 1,000 images" in page
    told = re.findall(r"<tr><td>(\w+)</td><td><bdi>([^<]+)</bdi></td><td>(\d+)</td><td>(\d+)</td></tr>", page)
    assert len(told) == 3 * 4
    assert sum(int(shown) for *_, shown, _ in told) == 300
    assert all(int(shown) >= 10 for *_, shown, _ in told)
    assert build(content, most_images=300) == page


def test_data_sets_share_a_page_alike(build, tmp_path) -> None:
    both = joined(Explored(tmp_path, n=400).write(), Explored(tmp_path, n=30, name="annex").write())
    blocks = unpacked(build(both, most_images=200))
    assert [len(blocks[f"images-{i}"]["patch_id"]) for i in (0, 1)] == [170, 30]
    assert [known["name"] for known in blocks["contents"]["collections"]] == ["ward", "annex"]  # what differs
    assert blocks["contents"]["collections"][1]["about"] == "annex with archive by clip"
    assert len(blocks["pairs-1"]["methods"][0]["passage"]) == 5 * 30


def test_a_page_that_is_too_large_is_thinned_and_then_refused(build, tmp_path) -> None:
    content = Explored(tmp_path, n=600, size=32).write()
    whole = len(build(content))
    fixed = len(build(content, most_images=100)) - 100 * (whole - len(build(content, most_images=100))) // 500
    thinned = build(content, most_bytes=(whole + fixed) // 2)
    assert len(thinned) <= (whole + fixed) // 2
    assert 100 <= len(unpacked(thinned)["images-0"]["patch_id"]) < 600
    with pytest.raises(UserError, match=r"would take .* MB with \d+ images, and may take 0\.0"):
        build(content, most_bytes=10_000)


def test_equal_inputs_give_equal_bytes(build, content) -> None:
    assert build(content) == build(content)


def _with_other_pairs(content: dict[str, Any], change: Callable[[dict[str, list[Any]]], None], **lineage: str) -> None:
    """Writes a method's pairs anew, changed."""
    path = content["collections"][0]["methods"][0]["pairs"]
    stored = read_table(path, pairs.SCHEMA)
    columns = stored.table.to_pydict()
    change(columns)
    made = Origin("test").provenance(lineage={**stored.lineage, **lineage})
    write_table(path, columns, pairs.SCHEMA, made)


def test_files_that_do_not_belong_together_are_refused(build, content) -> None:
    _with_other_pairs(content, lambda columns: None, retriever="another")
    with pytest.raises(UserError, match="made from different retriever"):
        build(content)


def test_pairs_that_lack_an_image_are_refused(build, content) -> None:
    def drop(columns: dict[str, list[Any]]) -> None:
        for values in columns.values():
            del values[:10]

    _with_other_pairs(content, drop)
    with pytest.raises(UserError, match="pairs no report with patch_00000"):
        build(content)


def test_pairs_by_a_chunk_that_is_not_there_are_refused(build, content) -> None:
    _with_other_pairs(content, lambda columns: columns.update(chunk=[7] * len(columns["chunk"])))
    with pytest.raises(UserError, match="lacks a chunk"):
        build(content)


def test_a_score_without_a_number_is_left_out(build, content) -> None:
    def excluded(columns: dict[str, list[Any]]) -> None:
        columns["score"][1] = float("-inf")

    _with_other_pairs(content, excluded)
    assert unpacked(build(content))["pairs-0"]["methods"][0]["score"][1] is None


def test_nothing_paired_is_refused_in_one_line(build, content) -> None:
    with pytest.raises(UserError, match="would show nothing"):
        build(content, datasets={}, corpora={}, collections=[])


def test_embeddings_are_read_for_their_places_alone(build, content) -> None:
    """A page says nothing of the embeddings: other ones give the same bytes."""
    page = build(content)
    path = content["collections"][0]["report_embeddings"]
    table = pq.read_table(path)
    column = table.column("embedding").combine_chunks()
    other = type(column).from_arrays(np.zeros(len(column.flatten()), np.float32), column.type.list_size)
    at = table.schema.get_field_index("embedding")
    pq.write_table(table.set_column(at, table.schema.field(at), other), path)
    assert build(content) == page
