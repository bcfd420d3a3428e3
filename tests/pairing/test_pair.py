"""Pairing against plain numpy, on planted neighbours."""

from pathlib import Path

import numpy as np
import pytest

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import image_embeddings, pairs, report_embeddings
from clipit.artifacts.tables import embedding_column, read_table, write_table
from clipit.pairing.pair import pair
from clipit.runtime.errors import UserError

N, M, D = 40, 30, 16
ORIGIN = Origin("pair")


def unit(rng: np.random.Generator, n: int) -> np.ndarray:
    matrix = rng.normal(size=(n, D)).astype(np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


class Embedded:
    """Random embeddings, written as the embedding stage writes them, in two parts and shuffled report order."""

    def __init__(self, folder: Path, images: int = N) -> None:
        rng = np.random.default_rng(0)
        self.reports = unit(rng, M)
        self.images = unit(rng, max(N, images))[:images]
        order = rng.permutation(M)
        self.report_file = folder / "reports.parquet"
        columns = {
            "report_id": [f"r{i:02}" for i in order],
            "chunk": np.zeros(M, np.int16),
            "start": np.zeros(M, np.int32),
            "stop": np.ones(M, np.int32),
            "n_tokens": np.ones(M, np.int16),
            "embedding": embedding_column(self.reports[order]),
        }
        provenance = ORIGIN.provenance(lineage={"reports": "x", "retriever": "clip"})
        write_table(self.report_file, columns, report_embeddings.schema(D), provenance, {"pooling": "mean"})
        self.image_files = []
        for part, rows in enumerate(np.array_split(np.arange(images), 2)):
            self.image_files.append(folder / f"part{part}.parquet")
            columns = {"patch_id": [f"p{i}" for i in rows], "embedding": embedding_column(self.images[rows])}
            provenance = ORIGIN.provenance(lineage={"patches": "y", "retriever": "clip"})
            write_table(self.image_files[-1], columns, image_embeddings.schema(D), provenance)


@pytest.fixture
def embedded(tmp_path: Path) -> Embedded:
    return Embedded(tmp_path)


def ranked(embedded: Embedded, out: Path, **settings: object) -> dict[str, np.ndarray]:
    pair(embedded.image_files, embedded.report_file, out, origin=ORIGIN, **settings)  # type: ignore[arg-type]
    stored = read_table(out, pairs.SCHEMA)
    assert set(stored.lineage) == {"patches", "reports", "retriever"}
    n = len(embedded.images)
    return {name: np.asarray(stored.column(name)).reshape(n, -1) for name in stored.table.column_names}


def test_top1_is_the_nearest_report(embedded: Embedded, tmp_path: Path) -> None:
    found = ranked(embedded, tmp_path / "out.parquet", method="top1")
    cosines = embedded.images @ embedded.reports.T
    expected = np.argsort(-cosines, axis=1)[:, :10]
    assert found["patch_id"][:, 0].tolist() == [f"p{i}" for i in range(N)]
    assert (found["report_id"] == np.array([f"r{i:02}" for i in range(M)])[expected]).all()
    np.testing.assert_allclose(found["similarity"], np.take_along_axis(cosines, expected, 1), rtol=1e-5)
    assert (found["weight"][:, 0] == 1).all()
    assert (found["weight"][:, 1:] == 0).all()


def test_topk_weighs_by_a_softmax_over_the_k(embedded: Embedded, tmp_path: Path) -> None:
    found = ranked(embedded, tmp_path / "out.parquet", method="topk", k=3, temperature=0.1)
    expected = np.exp(found["similarity"][:, :3] / 0.1)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found["weight"][:, :3], expected, rtol=1e-5)
    assert (found["weight"][:, 3:] == 0).all()


def test_random_is_uniform_and_an_image_s_draw_is_its_own(embedded: Embedded, tmp_path: Path) -> None:
    first = ranked(embedded, tmp_path / "a.parquet", method="random", seed=1)
    other = ranked(embedded, tmp_path / "b.parquet", method="random", seed=2)
    assert (first["report_id"] != other["report_id"]).mean() > 0.8
    fewer = ranked(Embedded(tmp_path, images=7), tmp_path / "c.parquet", method="random", seed=1)
    assert (fewer["report_id"] == first["report_id"][:7]).all()
    assert all(len(set(row)) == 10 for row in first["report_id"])
    many = ranked(Embedded(tmp_path / "many", images=3000), tmp_path / "d.parquet", method="random", seed=3)
    drawn = np.unique(many["report_id"][:, 0], return_counts=True)[1]
    assert len(drawn) == M
    # Chi-squared with M - 1 degrees of freedom: beyond mean + 5 standard deviations once in a million.
    assert ((drawn - 3000 / M) ** 2 / (3000 / M)).sum() < (M - 1) + 5 * np.sqrt(2 * (M - 1))
    rows = np.array([int(name[1:]) for name in first["report_id"].reshape(-1)]).reshape(N, -1)
    cosines = np.einsum("nd,nrd->nr", embedded.images, embedded.reports[rows])
    np.testing.assert_allclose(first["similarity"], cosines, rtol=1e-5)


def test_equal_cosines_are_ordered_by_report_id(embedded: Embedded, tmp_path: Path) -> None:
    embedded.reports[:] = embedded.reports[0]
    columns = {
        "report_id": [f"r{i:02}" for i in reversed(range(M))],
        "chunk": np.zeros(M, np.int16),
        "start": np.zeros(M, np.int32),
        "stop": np.ones(M, np.int32),
        "n_tokens": np.ones(M, np.int16),
        "embedding": embedding_column(embedded.reports),
    }
    provenance = ORIGIN.provenance(lineage={"reports": "x", "retriever": "clip"})
    write_table(embedded.report_file, columns, report_embeddings.schema(D), provenance, {"pooling": "mean"})
    found = ranked(embedded, tmp_path / "out.parquet", method="top1")
    assert (found["report_id"] == [f"r{i:02}" for i in range(10)]).all()


def test_equal_work_gives_equal_bytes(embedded: Embedded, tmp_path: Path) -> None:
    for name in ("a", "b"):
        ranked(embedded, tmp_path / name, method="top1")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_embeddings_of_two_retrievers_never_meet(embedded: Embedded, tmp_path: Path) -> None:
    columns = {"patch_id": ["p0"], "embedding": embedding_column(embedded.images[:1])}
    provenance = ORIGIN.provenance(lineage={"patches": "y", "retriever": "another"})
    write_table(embedded.image_files[0], columns, image_embeddings.schema(D), provenance)
    with pytest.raises(UserError, match="different retriever"):
        pair(embedded.image_files, embedded.report_file, tmp_path / "out.parquet", method="top1", origin=ORIGIN)
