import numpy as np
import pytest
import torch

from clipit.artifacts.provenance import Origin
from clipit.artifacts.schemas import labels as labels_schema
from clipit.artifacts.schemas import report_embeddings
from clipit.artifacts.tables import embedding_matrix, read_table, write_table
from clipit.embedding.prompts import embed_class_prompts
from clipit.encoders.retriever import load_retriever
from clipit.runtime.errors import UserError

CLASSES = ["normal_mucosa", "mucin"]


@pytest.fixture
def embed(retriever, origin, tmp_path):
    def embed_classes(classes, **options):
        labels, out = tmp_path / "labels.parquet", tmp_path / "classes.parquet"
        made = Origin("label").provenance(lineage={"patches": "abc"})
        write_table(labels, {"patch_id": ["p0"], "label": [None]}, labels_schema.SCHEMA, made, {"classes": classes})
        where = {"batch": 4, "device": "cpu", "threads": 1, "precision": "fp32"}
        embed_class_prompts(labels, out, retriever=retriever, **where, **options, origin=origin)
        return read_table(out, report_embeddings.schema())

    return embed_classes


def test_a_class_is_the_unit_vector_of_its_sentence(embed, retriever):
    table, model = embed(CLASSES, template="{class} of the colon"), load_retriever(**retriever)
    assert table.column("report_id") == CLASSES
    assert table.column("stop") == [len("normal mucosa of the colon"), len("mucin of the colon")]
    with torch.inference_mode():
        expected = model.encode_texts(model.tokenize(["normal mucosa of the colon", "mucin of the colon"])).numpy()
    assert np.allclose(embedding_matrix(table), expected, atol=1e-5)
    assert not np.allclose(expected[0], expected[1], atol=1e-3)


def test_the_table_says_what_it_describes(embed, retriever):
    table = embed(CLASSES)
    assert table.lineage == {"patches": "abc", "retriever": load_retriever(**retriever).digest}
    assert table.meta["template"] == "an H&E image of {class}"
    assert table.meta["policy"] == "truncate"


def test_a_data_set_without_classes_is_the_users_mistake(embed):
    with pytest.raises(UserError, match="names no class"):
        embed([])
