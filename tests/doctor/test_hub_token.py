"""Whether there is a token, where one may be asked for."""

from tests.servers import hub_models
from tests.servers.hub import use_hub

from clipit.encoders.hub import fetch_model

CLOSED = {"kind": "timm", "name": "hf-hub:org/uni", "restriction": "academic research only", "accept_licence": True}


def entries(**changes):
    return {"backbones": {"mine": {**CLOSED, **changes}}}


def test_a_token_is_looked_for_where_terms_are_restricted(doctor, hub, tmp_path, monkeypatch) -> None:
    hub.add_model("org/uni", hub_models.uni_repo(tmp_path / "uni"), gated=True)
    found = doctor(backbone="mine", entries=entries())["hub token"]
    assert (found.status, found.detail) == ("WARN", "none here, and the hub may ask for one for backbones.mine")
    assert found.remedy.startswith("run `hf auth login`")
    use_hub(monkeypatch, tmp_path, hub.url, token=hub.stranger)
    found = doctor(backbone="mine", entries=entries())["hub token"]
    assert (found.status, found.detail) == ("PASS", "there is one, for backbones.mine")


def test_the_hub_s_own_login_counts(doctor, hub, tmp_path) -> None:
    (tmp_path / "huggingface").mkdir()
    (tmp_path / "huggingface" / "token").write_text(hub.member)
    assert doctor(backbone="mine", entries=entries())["hub token"].status == "PASS"


def test_none_is_needed_for_what_is_open_here_or_fetched(doctor, hub, tmp_path, monkeypatch) -> None:
    folder = hub_models.uni_repo(tmp_path / "uni")
    hub.add_model("org/uni", folder, gated=True)
    assert "hub token" not in doctor()
    assert "hub token" not in doctor(backbone="mine", entries=entries(restriction=None))
    assert "hub token" not in doctor(backbone="mine", entries=entries(name=f"local-dir:{folder}"))
    use_hub(monkeypatch, tmp_path, hub.url, token=hub.member)
    fetch_model("org/uni", ["timm"])
    use_hub(monkeypatch, tmp_path, hub.url)
    assert "hub token" not in doctor(backbone="mine", entries=entries())
