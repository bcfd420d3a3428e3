import getpass
import hashlib
import json
import re
import socket
import time

import pytest

from clipit.artifacts.provenance import Origin, check_lineage, file_digest, json_digest, marker_digests
from clipit.artifacts.tables import write_json
from clipit.runtime.errors import UserError


@pytest.fixture
def origin():
    return Origin("pair", {"method": "csls", "k": 10}, code="abc", seed=3)


def test_an_input_is_its_content_not_its_place(origin, tmp_path):
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_text("report")
    two.write_text("report")
    written = origin.provenance(inputs={"reports": one})
    assert written == origin.provenance(inputs={"reports": two})
    assert written["inputs"]["reports"] == hashlib.sha256(b"report").hexdigest() == file_digest(one)
    two.write_text("another report")
    assert written != origin.provenance(inputs={"reports": two})


def test_what_the_source_reads_stands_beside_what_the_stage_is_handed(tmp_path):
    marker, patches = tmp_path / "pcam_train_x" / "_COMPLETE.json", tmp_path / "patches.parquet"
    marker.parent.mkdir()
    marker.write_text("{}")
    patches.write_text("p")
    written = Origin("label", inputs=marker_digests([marker])).provenance(inputs={"patches": patches})
    assert written["inputs"] == {"pcam_train_x": file_digest(marker), "patches": file_digest(patches)}
    assert list(written["inputs"]) == sorted(written["inputs"])


def test_what_decides_pixels_and_coordinates_is_among_the_libraries(origin):
    named = {"tifffile", "tiffslide", "openslide-python", "h5py", "scikit-image", "shapely", "pillow"}
    assert named <= set(origin.provenance()["libraries"])


def test_it_says_what_made_the_file(origin):
    written = origin.provenance(lineage={"reports": "r", "patches": "p"})
    assert written["stage"] == "pair"
    assert written["params"] == {"k": 10, "method": "csls"}
    assert (written["code"], written["seed"]) == ("abc", 3)
    assert written["lineage"] == {"patches": "p", "reports": "r"}
    assert re.match(r"\d+\.", written["libraries"]["pyarrow"])


def test_no_time_host_user_or_path_and_equal_bytes_twice(origin, tmp_path):
    source = tmp_path / "secret_folder" / "reports.csv"
    source.parent.mkdir()
    source.write_text("report")
    for name in ("one.json", "two.json"):
        write_json(tmp_path / name, {"coverage": 0.5}, origin.provenance(inputs={"reports": source}))
    text = (tmp_path / "one.json").read_text()
    assert text == (tmp_path / "two.json").read_text()
    assert "secret_folder" not in text
    assert str(tmp_path) not in text
    values = [str(value) for value in leaves(json.loads(text))]
    assert not {socket.gethostname(), getpass.getuser()} & set(values)
    assert not any(value.startswith(time.strftime("%Y-")) for value in values)


def leaves(value):
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in leaves(part)]
    return [value]


def test_json_digest_ignores_the_order_of_keys_alone():
    assert json_digest({"a": 1, "b": [1, 2]}) == json_digest({"b": [1, 2], "a": 1})
    assert json_digest({"b": [1, 2]}) != json_digest({"b": [2, 1]})


def test_lineages_unite_where_they_agree():
    images, texts = ("images", {"retriever": "r", "patches": "p"}), ("texts", {"retriever": "r", "reports": "t"})
    assert check_lineage(images, texts) == {"patches": "p", "reports": "t", "retriever": "r"}


def test_a_disagreement_names_both_files_and_the_matter():
    with pytest.raises(UserError, match=r"texts\.parquet and images\.parquet were made from different retriever"):
        check_lineage(("images.parquet", {"retriever": "one"}), ("texts.parquet", {"retriever": "two"}))
