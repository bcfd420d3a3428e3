"""Pairing against plain numpy, on planted neighbours."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import (
    image_embeddings,
    image_truth,
    pairs,
    patches,
    report_embeddings,
    report_truth,
    reports,
    splits,
)
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
        self.report_file = folder / "reports.parquet"
        self.image_files = [folder / "part0.parquet", folder / "part1.parquet"]
        order = rng.permutation(M)
        self.write_reports([f"r{i:02}" for i in order], self.reports[order])
        self.write_images()

    def write_reports(
        self, names: list[str], vectors: np.ndarray, chunk: list[int] | None = None, pooling: str = "mean"
    ) -> None:
        columns = {
            "report_id": names,
            "chunk": np.array(chunk or [0] * len(names), np.int16),
            "start": np.zeros(len(names), np.int32),
            "stop": np.ones(len(names), np.int32),
            "n_tokens": np.ones(len(names), np.int16),
            "embedding": embedding_column(vectors),
        }
        provenance = ORIGIN.provenance(lineage={"reports": "x", "retriever": "clip"})
        write_table(self.report_file, columns, report_embeddings.schema(D), provenance, {"pooling": pooling})

    def write_images(self, **lineage: str) -> None:
        for path, rows in zip(self.image_files, np.array_split(np.arange(len(self.images)), 2), strict=True):
            columns = {"patch_id": [f"p{i}" for i in rows], "embedding": embedding_column(self.images[rows])}
            provenance = ORIGIN.provenance(lineage={"patches": "y", "retriever": "clip"} | lineage)
            write_table(path, columns, image_embeddings.schema(D), provenance)


@pytest.fixture
def embedded(tmp_path: Path) -> Embedded:
    return Embedded(tmp_path)


def ranked(
    embedded: Embedded, out: Path, method: str, files: dict[str, Path] | None = None, k: int = 1, **settings: Any
) -> dict[str, np.ndarray]:
    paired = {"method": method, "settings": settings, "k": k, "temperature": 0.1}
    pair(embedded.image_files, embedded.report_file, out, **paired, files=files, origin=ORIGIN)
    stored = read_table(out, pairs.SCHEMA)
    assert set(stored.lineage) == {"patches", "reports", "retriever"}
    n = len(embedded.images)
    return {name: np.asarray(stored.column(name)).reshape(n, -1) for name in stored.table.column_names}


def test_top1_is_the_nearest_report(embedded: Embedded, tmp_path: Path) -> None:
    found = ranked(embedded, tmp_path / "out.parquet", "top1")
    cosines = embedded.images @ embedded.reports.T
    expected = np.argsort(-cosines, axis=1)[:, :10]
    assert found["patch_id"][:, 0].tolist() == [f"p{i}" for i in range(N)]
    assert (found["report_id"] == np.array([f"r{i:02}" for i in range(M)])[expected]).all()
    np.testing.assert_allclose(found["similarity"], np.take_along_axis(cosines, expected, 1), rtol=1e-5)
    assert (found["weight"][:, 0] == 1).all()
    assert (found["weight"][:, 1:] == 0).all()


def test_topk_weighs_by_a_softmax_over_the_k(embedded: Embedded, tmp_path: Path) -> None:
    found = ranked(embedded, tmp_path / "out.parquet", "topk", k=3)
    expected = np.exp(found["similarity"][:, :3] / 0.1)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found["weight"][:, :3], expected, rtol=1e-5)
    assert (found["weight"][:, 3:] == 0).all()


def test_random_is_uniform_and_an_image_s_draw_is_its_own(embedded: Embedded, tmp_path: Path) -> None:
    first = ranked(embedded, tmp_path / "a.parquet", "random", seed=1)
    other = ranked(embedded, tmp_path / "b.parquet", "random", seed=2)
    assert (first["report_id"] != other["report_id"]).mean() > 0.8
    fewer = ranked(Embedded(tmp_path, images=7), tmp_path / "c.parquet", "random", seed=1)
    assert (fewer["report_id"] == first["report_id"][:7]).all()
    assert all(len(set(row)) == 10 for row in first["report_id"])
    many = ranked(Embedded(tmp_path / "many", images=3000), tmp_path / "d.parquet", "random", seed=3)
    drawn = np.unique(many["report_id"][:, 0], return_counts=True)[1]
    assert len(drawn) == M
    # Chi-squared with M - 1 degrees of freedom: beyond mean + 5 standard deviations once in a million.
    assert ((drawn - 3000 / M) ** 2 / (3000 / M)).sum() < (M - 1) + 5 * np.sqrt(2 * (M - 1))
    rows = np.array([int(name[1:]) for name in first["report_id"].reshape(-1)]).reshape(N, -1)
    cosines = np.einsum("nd,nrd->nr", embedded.images, embedded.reports[rows])
    np.testing.assert_allclose(first["similarity"], cosines, rtol=1e-5, atol=1e-6)


def test_equal_cosines_are_ordered_by_report_id(embedded: Embedded, tmp_path: Path) -> None:
    embedded.reports[:] = embedded.reports[0]
    embedded.write_reports([f"r{i:02}" for i in reversed(range(M))], embedded.reports)
    found = ranked(embedded, tmp_path / "out.parquet", "top1")
    assert (found["report_id"] == [f"r{i:02}" for i in range(10)]).all()


@pytest.mark.parametrize("pooling", ["mean", "max", "late"])
def test_the_passage_that_an_image_matched_is_named(embedded: Embedded, tmp_path: Path, pooling: str) -> None:
    """Reports of three chunks, of which one was an image's own."""
    rng = np.random.default_rng(5)
    chunks = unit(rng, 3 * M).reshape(M, 3, D)
    chunks[np.arange(M), np.arange(M) % 3] = embedded.images[:M]
    names = [f"r{i:02}" for i in range(M) for _ in range(3)]
    embedded.write_reports(names, chunks.reshape(-1, D), [0, 1, 2] * M, pooling)
    found = ranked(embedded, tmp_path / "out.parquet", "top1")
    pooled = {"mean": chunks.mean(axis=1), "max": chunks.max(axis=1), "late": None}[pooling]
    whole = np.einsum("nd,mcd->nmc", embedded.images, chunks)
    if pooled is None:
        cosines = whole.max(axis=2)
        assert (found["report_id"][:M, 0] == [f"r{i:02}" for i in range(M)]).all()
    else:
        cosines = embedded.images @ (pooled / np.linalg.norm(pooled, axis=1, keepdims=True)).T
    expected = np.argsort(-cosines, axis=1)[:, :10]
    assert (found["report_id"] == np.array([f"r{i:02}" for i in range(M)])[expected]).all()
    np.testing.assert_allclose(found["similarity"], np.take_along_axis(cosines, expected, 1), rtol=1e-5, atol=1e-6)
    assert (found["chunk"] == np.take_along_axis(whole.argmax(axis=2), expected, 1)).all()


def write_tables(folder: Path) -> dict[str, Path]:
    """Twenty patients of two images each; every report of one of the first ten, folded ones of two."""
    lineage = {"patches": "y", "reports": "x"}
    names, zeros = [f"p{i}" for i in range(N)], np.zeros(N, np.int32)
    by_patches, by_reports = (ORIGIN.provenance(lineage={key: lineage[key]}) for key in lineage)
    columns = {"index": np.arange(N), "patch_id": names, "source": names, "group": [f"g{i % 20}" for i in range(N)],
               "x": zeros, "y": zeros, "width": zeros, "mpp": [None] * N, "sha256": names}  # fmt: skip
    write_table(folder / "patches", columns, patches.SCHEMA, by_patches)
    split = [("train", "val", "test")[i % 3] for i in range(N)]
    write_table(folder / "splits", {"patch_id": names, "split": split}, splits.SCHEMA, by_patches)
    keys = [f"r{j:02}" for j in range(M)]
    columns = {"report_id": keys, "text": keys, "organ": [None] * M, "patient": [f"g{j % 10}" for j in range(M)],
               "n_words": [1] * M, "source": keys, "sha256": keys, "duplicates": [[]] * M}  # fmt: skip
    meta = {"patients_of_folded": {"r03": ["g3", "g19"]}}
    write_table(folder / "corpus", columns, reports.SCHEMA, by_reports, meta)
    columns = {"patch_id": names, "finding": np.arange(N) % 5, "label": np.arange(N) % 5}
    write_table(folder / "image_truth", columns, image_truth.SCHEMA, by_patches)
    columns = {"report_id": keys, "finding": np.arange(M) % 5, "label": np.arange(M) % 5, "telling_word": [0] * M}
    write_table(folder / "report_truth", columns, report_truth.SCHEMA, by_reports)
    return {name: folder / name for name in ("patches", "splits", "corpus", "image_truth", "report_truth")}


def test_reports_of_a_patient_never_meet_that_patients_images(embedded: Embedded, tmp_path: Path) -> None:
    files = write_tables(tmp_path)
    found = ranked(embedded, tmp_path / "out.parquet", "top1", {key: files[key] for key in ("patches", "corpus")})
    patients = {f"r{j:02}": {f"g{j % 10}"} for j in range(M)} | {"r03": {"g3", "g19"}}
    for i, row in enumerate(found["report_id"]):
        assert not any(f"g{i % 20}" in patients[name] for name in row)
    plain = ranked(embedded, tmp_path / "plain.parquet", "top1")
    assert (plain["report_id"] != found["report_id"]).any()


def test_it_is_told_how_many_are_kept_apart(embedded: Embedded, tmp_path: Path, capsys) -> None:
    files = write_tables(tmp_path)
    named = {key: files[key] for key in ("patches", "corpus")}
    ranked(embedded, tmp_path / "out.parquet", "top1", named)
    assert f"{M} reports are of patients of 22 images, and never meet those" in capsys.readouterr().err
    stored = read_table(files["patches"], patches.SCHEMA)
    columns = {name: stored.column(name) for name in stored.table.column_names}
    write_table(files["patches"], columns | {"group": ["other"] * N}, patches.SCHEMA, stored.provenance)
    ranked(embedded, tmp_path / "out.parquet", "top1", named)
    assert (
        "no report is kept from an image: where they share patients, spell their names alike" in capsys.readouterr().err
    )
    write_table(files["patches"], columns | {"group": [None] * N}, patches.SCHEMA, stored.provenance)
    ranked(embedded, tmp_path / "out.parquet", "top1", named)
    assert "kept from an image" not in capsys.readouterr().err


def test_methods_get_splits_and_truth_from_their_files(embedded: Embedded, tmp_path: Path) -> None:
    files = write_tables(tmp_path)
    fitted = ranked(embedded, tmp_path / "a.parquet", "csls", {"splits": files["splits"]}, neighbours=3)
    train = np.arange(N) % 3 == 0
    cosines = embedded.images @ embedded.reports.T
    score = 2 * cosines - np.sort(cosines[train], axis=0)[-3:].mean(axis=0)
    np.testing.assert_allclose(fitted["score"], -np.sort(-score, axis=1)[:, :10], atol=1e-6)
    assert read_table(tmp_path / "a.parquet", pairs.SCHEMA).provenance["inputs"].keys() >= {"splits", "reports"}
    truth = {key: files[key] for key in ("image_truth", "report_truth")}
    known = ranked(embedded, tmp_path / "b.parquet", "oracle", truth)
    assert all(int(name[1:]) % 5 == i % 5 for i, row in enumerate(known["report_id"]) for name in row[:6])


def test_equal_work_gives_equal_bytes(embedded: Embedded, tmp_path: Path) -> None:
    files = {"splits": write_tables(tmp_path)["splits"]}
    for name in ("a", "b"):
        ranked(embedded, tmp_path / name, "sinkhorn", files, epsilon=0.05, iterations=20)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_embeddings_of_two_retrievers_never_meet(embedded: Embedded, tmp_path: Path) -> None:
    embedded.write_images(retriever="another")
    with pytest.raises(UserError, match="different retriever"):
        ranked(embedded, tmp_path / "out.parquet", "top1")


def test_tables_of_other_patches_never_meet_the_embeddings(embedded: Embedded, tmp_path: Path) -> None:
    files = write_tables(tmp_path)
    embedded.write_images(patches="another")
    for key in ("patches", "splits"):
        with pytest.raises(UserError, match="different patches"):
            ranked(embedded, tmp_path / "out.parquet", "top1", {key: files[key], "corpus": files["corpus"]})


@pytest.mark.parametrize("side", ["images", "reports"])
def test_embeddings_that_are_not_finite_are_refused(embedded: Embedded, tmp_path: Path, side: str) -> None:
    getattr(embedded, side)[3, 2] = np.nan
    embedded.write_images()
    embedded.write_reports([f"r{i:02}" for i in range(M)], embedded.reports)
    with pytest.raises(UserError, match=r"\.parquet holds an embedding that is not finite: set precision: fp32"):
        ranked(embedded, tmp_path / "out.parquet", "top1")
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize(
    ("names", "k", "words"),
    [
        ([], 1, "holds no report"),
        (["r0"], 1, "holds one report"),
        (["r0", "r1", "r2"], 4, r"k = 4 reports an image are asked for, .* holds 3: lower k"),
        (["r0", "r1", "r1"], 1, "holds a report twice"),
    ],
)
def test_corpora_that_cannot_be_paired(
    embedded: Embedded, tmp_path: Path, names: list[str], k: int, words: str
) -> None:
    embedded.write_reports(names, embedded.reports[: len(names)])
    with pytest.raises(UserError, match=words):
        ranked(embedded, tmp_path / "out.parquet", "topk", k=k)


def test_a_corpus_of_one_patient_whose_images_are_to_be_paired(embedded: Embedded, tmp_path: Path) -> None:
    files = write_tables(tmp_path)
    stored = read_table(files["corpus"], reports.SCHEMA)
    columns = {name: stored.column(name) for name in stored.table.column_names} | {"patient": ["g0"] * M}
    write_table(files["corpus"], columns, reports.SCHEMA, stored.provenance)
    with pytest.raises(UserError, match=f"all {M} reports are of one patient"):
        ranked(embedded, tmp_path / "out.parquet", "top1", {key: files[key] for key in ("patches", "corpus")})


def test_a_patch_that_is_there_twice_is_refused(embedded: Embedded, tmp_path: Path) -> None:
    embedded.image_files.append(embedded.image_files[0])
    with pytest.raises(UserError, match="holds a patch twice"):
        ranked(embedded, tmp_path / "out.parquet", "top1")


def test_no_image_to_fit_on_is_told(embedded: Embedded, tmp_path: Path) -> None:
    files = write_tables(tmp_path)
    stored = read_table(files["splits"], splits.SCHEMA)
    columns = {"patch_id": stored.column("patch_id"), "split": ["test"] * N}
    write_table(files["splits"], columns, splits.SCHEMA, stored.provenance)
    with pytest.raises(UserError, match="no image is in the train split"):
        ranked(embedded, tmp_path / "out.parquet", "csls", {"splits": files["splits"]}, neighbours=3)
