import numpy as np
import pytest
import torch

from clipit.artifacts.patch_store import PatchStore
from clipit.artifacts.schemas import image_embeddings
from clipit.artifacts.table_writer import TableWriter
from clipit.artifacts.tables import embedding_matrix, read_json, read_table
from clipit.embedding.images import embed_images
from clipit.encoders.retriever import load_retriever
from clipit.runtime.errors import UserError


@pytest.fixture
def embed(patches, retriever, origin, tmp_path):
    def embed_part(part=0, parts=1, batch=3, precision="fp32", retriever=retriever):
        out = tmp_path / "out.parquet"
        where = {"batch": batch, "device": "cpu", "threads": 1, "precision": precision}
        embed_images(
            patches.store,
            patches.table,
            out,
            tmp_path / "timing.json",
            retriever=retriever,
            part=part,
            parts=parts,
            **where,
            origin=origin,
        )
        return read_table(out, image_embeddings.schema())

    return embed_part


def test_every_listed_patch_gets_the_unit_vector_of_its_own_pixels(embed, patches, retriever):
    table, model = embed(), load_retriever(**retriever)
    matrix = embedding_matrix(table)
    assert table.column("patch_id") == [f"p{row}" for row in patches.rows]
    assert np.allclose(np.linalg.norm(matrix, axis=1), 1, atol=1e-5)
    with torch.inference_mode():
        images = model.transform(torch.from_numpy(patches.images[patches.rows]))
        assert np.allclose(matrix, model.encode_images(images).numpy(), atol=1e-5)


def test_the_table_says_what_it_describes(embed, retriever):
    assert embed().lineage == {"patches": "abc", "retriever": load_retriever(**retriever).digest}


def test_parts_make_the_whole(embed):
    whole, parts = embed(), [embed(part, 2) for part in range(2)]
    assert [patch for part in parts for patch in part.column("patch_id")] == whole.column("patch_id")
    assert all(len(part.table) for part in parts)
    assert np.allclose(np.concatenate([embedding_matrix(part) for part in parts]), embedding_matrix(whole), atol=1e-5)


def test_an_empty_part_is_an_empty_table_of_the_right_width(embed):
    sizes = [embed(part, 5) for part in range(5)]  # three shards over five parts
    empty = next(part for part in sizes if len(part.table) == 0)
    assert embedding_matrix(empty).shape == (0, 8)
    assert sum(len(part.table) for part in sizes) == 10


def test_equal_work_gives_equal_bytes(embed, tmp_path):
    files = []
    for _ in range(2):
        embed()
        files.append((tmp_path / "out.parquet").read_bytes())
    assert files[0] == files[1]


def test_bf16_is_near_fp32_and_not_equal(embed):
    exact, rough = (embedding_matrix(embed(precision=precision)) for precision in ("fp32", "bf16"))
    assert rough.dtype == np.float32
    assert not np.array_equal(exact, rough)
    assert np.allclose(exact, rough, atol=0.05)


def test_nothing_is_written_without_a_retriever(embed, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        embed(retriever={"kind": "aligned", "name": str(tmp_path / "nowhere")})
    assert not (tmp_path / "out.parquet").exists()


def test_the_time_of_each_step_is_told(embed, tmp_path):
    embed(batch=4)
    told = read_json(tmp_path / "timing.json")
    assert (told["items"], told["unit"], told["batch"], told["precision"]) == (10, "patches", 4, "fp32")
    assert set(told["seconds"]) == {"load", "read", "transform", "infer", "write", "total"}
    assert all(seconds >= 0 for seconds in told["seconds"].values())


@pytest.mark.parametrize("step", ["read", "write"])
def test_trouble_in_a_thread_ends_the_job_and_leaves_nothing(embed, tmp_path, monkeypatch, step):
    def trouble(*_: object) -> None:
        raise OSError("no more")

    monkeypatch.setattr(*{"read": (PatchStore, "batch"), "write": (TableWriter, "append")}[step], trouble)
    with pytest.raises(OSError, match="no more"):
        embed()
    assert not (tmp_path / "out.parquet").exists() and not list(tmp_path.glob(".out*"))


def test_what_precision_was_used_is_in_the_table(embed):
    assert embed(precision="bf16").meta == {"precision": "bf16"}
