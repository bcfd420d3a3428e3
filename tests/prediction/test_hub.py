"""An exported model on the hub, fetched from the stand-in."""

from pathlib import Path

import numpy as np
import pytest
from tests.servers.hub import StandInHub, use_hub

from clipit.prediction.export import export_student
from clipit.prediction.model import load_model
from clipit.runtime.errors import UserError


def test_a_hub_folder_is_loaded_by_its_name(
    run: Path, images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_student(run, "hub-folder", tmp_path / "exported")
    expected = load_model(run, device="cpu").probabilities(images)
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "config.json").write_text("{}")
    with StandInHub() as hub:
        hub.add_model("org/student", tmp_path / "exported")
        hub.add_model("org/bare", tmp_path / "bare")
        use_hub(monkeypatch, tmp_path / "cache", hub.url)
        model = load_model("hf-hub:org/student", device="cpu")
        assert np.allclose(model.probabilities(images), expected, atol=1e-6)
        assert model.name == "hf-hub:org/student"
        with pytest.raises(UserError, match=r"student\.json"):
            load_model("hf-hub:org/bare", device="cpu")
