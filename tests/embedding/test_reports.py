import numpy as np
import pytest
import torch

from clipit.artifacts.schemas import report_embeddings
from clipit.artifacts.tables import embedding_matrix, read_json, read_table
from clipit.corpus.cleanings import lossless
from clipit.embedding.reports import embed_reports
from clipit.encoders.aligned import AlignedClip
from clipit.encoders.retriever import load_retriever
from clipit.runtime.errors import UserError

CONTEXT = 8
TEXTS = ["normal mucosa", "tubular adenoma of the colon with low grade dysplasia", "normal mucosa", "mucin"]


@pytest.fixture
def embed(write_reports, retriever, origin, tmp_path):
    def embed_texts(texts, batch=2, **text):
        out = tmp_path / "out.parquet"
        where = {"batch": batch, "device": "cpu", "threads": 1, "precision": "fp32"}
        policy = {"policy": "truncate", "pooling": "mean", "overlap": 0, "sections": []} | text
        timing = tmp_path / "timing.json"
        embed_reports(write_reports(texts), out, timing, retriever=retriever, text=policy, **where, origin=origin)
        return read_table(out, report_embeddings.schema())

    return embed_texts


def test_every_report_gets_the_unit_vector_of_its_own_text(embed, retriever):
    table, model = embed(TEXTS), load_retriever(**retriever)
    matrix = embedding_matrix(table)
    assert table.column("report_id") == ["r0", "r1", "r2", "r3"]
    assert table.column("chunk") == [0, 0, 0, 0]
    assert np.allclose(np.linalg.norm(matrix, axis=1), 1, atol=1e-5)
    for row in (0, 3):
        with torch.inference_mode():
            expected = model.encode_texts(model.tokenize([TEXTS[row]]))[0].numpy()
        assert np.allclose(matrix[row], expected, atol=1e-5)


def test_truncation_is_counted(embed):
    table = embed(TEXTS)
    assert table.column("n_tokens") == [4, CONTEXT, 4, 3]  # start and end token included
    assert table.meta == {
        "tokens_total": 4 + 11 + 4 + 3,
        "tokens_read": (4 + 8 + 4 + 3) / 22,
        "policy": "truncate",
        "pooling": "mean",
        "context_length": CONTEXT,
        "precision": "fp32",
    }
    assert [TEXTS[row][: table.column("stop")[row]] for row in (0, 1)] == ["normal mucosa", TEXTS[1][:33]]
    assert TEXTS[1][:33] == "tubular adenoma of the colon with"  # six words, and the start and end token


def test_what_is_cut_off_does_not_count(embed):
    matrix = embedding_matrix(embed([TEXTS[1], TEXTS[1] + " mucin mucin", "mucin " + TEXTS[1]]))
    assert np.array_equal(matrix[0], matrix[1])
    assert not np.allclose(matrix[0], matrix[2], atol=1e-4)


def test_the_batch_size_and_the_order_do_not_change_an_embedding(embed):
    matrix = embedding_matrix(embed(TEXTS, batch=2))
    assert np.allclose(embedding_matrix(embed(TEXTS, batch=64)), matrix, atol=1e-5)
    assert np.allclose(embedding_matrix(embed(TEXTS[::-1]))[::-1], matrix, atol=1e-5)


def test_equal_texts_are_embedded_once(embed, monkeypatch):
    seen = []
    encode = AlignedClip.encode_texts
    monkeypatch.setattr(AlignedClip, "encode_texts", lambda self, tokens: seen.extend(tokens) or encode(self, tokens))
    matrix = embedding_matrix(embed(TEXTS))
    assert len(seen) == 3
    assert np.array_equal(matrix[0], matrix[2])


def test_the_table_says_what_it_describes(embed, retriever):
    assert embed(TEXTS).lineage == {"reports": "def", "retriever": load_retriever(**retriever).digest}


def test_an_empty_corpus_is_the_users_mistake(embed):
    with pytest.raises(UserError, match="holds no report"):
        embed([])


LONG = "Normal mucosa of the colon. Low grade dysplasia. Tubular adenoma of the colon with low grade dysplasia. Mucin"


def test_chunks_read_all_and_say_where_they_stand(embed, retriever):
    table, model = embed([LONG, "mucin"], policy="chunks", pooling="late"), load_retriever(**retriever)
    matrix = embedding_matrix(table)
    passages = [LONG[a:b] for a, b in zip(table.column("start"), table.column("stop"), strict=True)]
    assert table.column("report_id") == ["r0"] * 4 + ["r1"]
    assert table.column("chunk") == [0, 1, 2, 3, 0]
    assert passages[:4] == [
        "Normal mucosa of the colon.",  # five words and the stop: six tokens, and start and end
        "Low grade dysplasia.",
        "Tubular adenoma of the colon with",
        "low grade dysplasia. Mucin",
    ]
    with torch.inference_mode():
        for row, passage in enumerate(passages[:4]):
            expected = model.encode_texts(model.tokenize([passage]))[0].numpy()
            assert np.allclose(matrix[row], expected, atol=1e-5)
    assert (table.meta["policy"], table.meta["pooling"], table.meta["tokens_read"]) == ("chunks", "late", 1.0)


def test_equal_chunks_are_embedded_once(embed, monkeypatch):
    seen = []
    encode = AlignedClip.encode_texts
    monkeypatch.setattr(AlignedClip, "encode_texts", lambda self, tokens: seen.extend(tokens) or encode(self, tokens))
    embed([LONG, LONG, "Mucin"], policy="chunks")
    assert len(seen) == 5


SECTIONS = "DIAGNOSIS: tubular adenoma.\nGROSS DESCRIPTION: mucin.\nCOMMENT: normal mucosa of the colon.\n"


@pytest.mark.parametrize("policy", ["truncate", "chunks"])
def test_named_sections_alone_are_read(embed, policy):
    table = embed([SECTIONS, "no heading: mucosa"], policy=policy, sections=["diagnosis"])
    start, stop = table.column("start"), table.column("stop")
    assert SECTIONS[start[0] : stop[0]].strip() == "DIAGNOSIS: tubular adenoma."
    assert "no heading: mucosa"[start[-1] : stop[-1]] == "no heading: mucosa"
    assert table.column("report_id") == ["r0", "r1"]
    if policy == "chunks":
        assert table.meta["tokens_read"] < 1


def test_no_chunk_crosses_from_one_section_to_the_next(embed):
    table = embed([SECTIONS], policy="chunks", sections=["diagnosis", "comment"])
    passages = [SECTIONS[a:b] for a, b in zip(table.column("start"), table.column("stop"), strict=True)]
    assert not any("GROSS" in passage for passage in passages)
    assert "".join(passages).count("mucosa") == 1


ALONE = "DIAGNOSIS\n tubular  adenoma\n\nGross description\nmucin\n"  # headings without a colon, each on its line


def test_headings_that_stand_alone_on_a_line_are_found_in_cleaned_text(embed):
    text = lossless(ALONE)
    table = embed([text], policy="chunks", sections=["diagnosis"])
    passages = [text[a:b] for a, b in zip(table.column("start"), table.column("stop"), strict=True)]
    assert "".join(passages).split() == ["DIAGNOSIS", "tubular", "adenoma"]


def test_a_line_break_is_no_token_of_a_tower_s(embed, monkeypatch):
    tokenize, seen = AlignedClip.tokenize, []
    monkeypatch.setattr(AlignedClip, "tokenize", lambda self, texts: seen.extend(texts) or tokenize(self, texts))
    for policy in ("truncate", "chunks"):
        lines, flat = (embedding_matrix(embed([text], policy=policy)) for text in ("mucin\nmucosa", "mucin mucosa"))
        assert np.array_equal(lines, flat)
    assert seen and not any("\n" in text for text in seen)


def test_the_time_of_each_step_is_told(embed, tmp_path):
    embed(TEXTS)
    told = read_json(tmp_path / "timing.json")
    assert (told["items"], told["unit"]) == (3, "texts")
    assert set(told["seconds"]) == {"load", "read", "transform", "infer", "write", "total"}
