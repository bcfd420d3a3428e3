"""Triage on planted retrievers: what is worth a run, what is not, and for which reason."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from tests.paired import CLASSES, write_data_set, write_pairs, write_report_embeddings
from tests.triage.conftest import LABEL, REPORTS, SPLIT, TRUE, D, N, Setting

from clipit.artifacts.paired_reports import read_paired_reports
from clipit.artifacts.tables import read_json
from clipit.runtime.errors import UserError
from clipit.triage.show import print_triage


def reasons(pairing: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {reason["name"]: reason for reason in pairing["reasons"]}


def against(pairing: dict[str, Any]) -> list[str]:
    return [reason["name"] for reason in pairing["reasons"] if reason["decides"] and not reason["holds"]]


def test_an_informative_pairing_is_worth_a_run(informative: Setting) -> None:
    document = informative.triage()
    assert document["worth"] is True
    (context,) = document["contexts"]
    top1, csls, random = context["pairings"]
    assert (top1["worth"], csls["worth"], random["worth"]) == (True, True, False)
    assert top1["verdict"].startswith("worth a LoRA run")
    assert context["probe"]["value"] > 0.95
    assert context["zero_shot"]["value"] > 0.9
    assert top1["gain"]["low"] > 0.3
    assert 0.7 < top1["kept"] < 1
    assert set(against(random)) == {"teacher above random reports", "share of the probe kept"}
    for reason in top1["reasons"]:
        assert reason["text"] and np.isfinite([reason["value"], reason["threshold"]]).all()


def test_a_null_pairing_is_not_worth_a_run(tmp_path: Path) -> None:
    """The teacher learns nothing from the reports, though the retriever sees the classes."""
    for seed in range(5):
        setting = Setting(tmp_path / str(seed))
        setting.pair("top1", 1 / 3, seed=seed)
        document = setting.triage()
        assert document["worth"] is False
        (pairing,) = document["contexts"][0]["pairings"]
        assert pairing["verdict"].startswith("not worth a LoRA run: teacher above random reports, share of the probe")
        assert "needed +10.0" in reasons(pairing)["teacher above random reports"]["text"]


def test_a_retriever_that_sees_nothing_is_no_help_however_good_the_teacher(tmp_path: Path) -> None:
    setting = Setting(tmp_path, sees=0.0, texts=False)
    setting.pair("top1", 0.9)
    (context,) = setting.triage()["contexts"]
    found = reasons(context["pairings"][0])
    assert not found["retriever probe"]["holds"]
    assert not found["zero-shot"]["holds"]
    assert context["pairings"][0]["worth"] is False


def test_texts_that_do_not_match_images_are_no_more_than_marks(tmp_path: Path) -> None:
    """As on the null phantom: the teacher is good, and what the reports say has nothing to do with it."""
    setting = Setting(tmp_path, texts=False)
    setting.pair("top1", 0.9)
    (context,) = setting.triage()["contexts"]
    assert against(context["pairings"][0]) == ["zero-shot"]


def test_a_hub_is_held_against_the_largest_class(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    setting.pair("top1", 0.9, hub=0.6)
    (context,) = setting.triage()["contexts"]
    (pairing,) = context["pairings"]
    assert against(pairing) == ["hub"]
    hub = reasons(pairing)["hub"]
    assert hub["value"] == pytest.approx(0.6, abs=0.1)
    seen = LABEL[SPLIT != "test"]
    assert hub["threshold"] == context["largest_class"] == np.bincount(seen).max() / len(seen)


def test_one_report_for_all_is_too_few(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    setting.pair("top1", 0.9, hub=1.0)
    (pairing,) = setting.triage()["contexts"][0]["pairings"]
    assert reasons(pairing)["reports in use"]["value"] == pytest.approx(1)
    assert "reports in use" in against(pairing)


def test_cautions_do_not_decide(tmp_path: Path) -> None:
    setting = Setting(tmp_path, tokens_read=0.2, grouped=False)
    setting.pair("top1", 0.9)
    setting.pair("csls", 0.9, method="csls", seed=2)
    (context,) = setting.triage()["contexts"]
    pairing = context["pairings"][0]
    assert pairing["worth"] is True
    fell = [reason["name"] for reason in pairing["reasons"] if not reason["holds"]]
    assert fell == ["tokens read", "agreement of methods", "patients in val"]
    assert pairing["verdict"] == "worth a LoRA run, with 3 cautions"
    assert context["n_groups"] is None


def test_methods_that_rank_alike_and_controls_are_no_second_opinion(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    setting.pair("top1", 0.9, seed=1)
    setting.pair("top5", 0.9, seed=1, method="topk")
    setting.pair("random", 0.3, seed=5, method="random")
    (context,) = setting.triage()["contexts"]
    assert [pairing["agreement"] for pairing in context["pairings"]] == [None, None, None]
    assert [one["between"] for one in context["agreement"]] == [["top1", "top5"]]
    assert "agreement of methods" not in reasons(context["pairings"][0])


def test_no_test_patch_is_looked_at(tmp_path: Path) -> None:
    """Other labels, embeddings and pairs of the test split change nothing."""
    found = []
    for name in ("one", "other"):
        setting = Setting(tmp_path / name)
        setting.pair("top1", 0.8)
        if name == "other":
            images, test = setting.images.copy(), SPLIT == "test"
            paired = read_paired_reports(setting.file("top1_pairs"))
            report = paired.report.copy()
            report[test] = (report[test] + 1) % REPORTS
            assert len(paired.report_id) == REPORTS
            write_pairs(setting.file("top1_pairs"), report, REPORTS)
            images[test] = np.roll(images[test], 1, axis=1)
            setting.embed(images)
            label = np.where(test, (LABEL + 1) % 3, LABEL).tolist()
            group = [f"patient{i // 6}" for i in range(N)]
            write_data_set(setting.folder, label=label, split=SPLIT.tolist(), group=group)
        found.append(setting.triage()["contexts"])
    assert found[0] == found[1]


def test_the_terminal_tells_the_verdict_and_its_reasons(informative: Setting) -> None:
    informative.triage(synthetic=True, cautions=["Overlap: of something."])
    said = io.StringIO()
    print_triage(informative.folder / "demo.json", Console(file=said, width=100))
    text = " ".join(said.getvalue().split())
    for part in ("Triage of demo", "dataset phantom · corpus reports · retriever clip", "csls (audited)",
                 "top1: worth a LoRA run", "✓ retriever probe: a probe of the retriever's image embeddings reaches",
                 "SYNTHETIC data", "Overlap: of something.", "All figures are of train and val patches."):  # fmt: skip
        assert part in text
    assert "csls: worth" not in text


@pytest.mark.parametrize(
    ("unlabelled", "said"),
    [
        ((SPLIT == "train") & (LABEL == 1), "class 'tumour' has 0 labelled train patches, triage needs 1"),
        ((SPLIT == "val") & (LABEL == 2), "class 'stroma' has 0 labelled val patches, triage needs 5"),
        ((SPLIT == "val") & (np.arange(N) % 9 > 0), r"has \d labelled val patches, triage needs 5: label more"),
    ],
)
def test_too_few_labels_are_named(tmp_path: Path, unlabelled: np.ndarray, said: str) -> None:
    setting = Setting(tmp_path, labelled=~unlabelled)
    setting.pair("top1", 0.9)
    with pytest.raises(UserError, match=said):
        setting.triage()


def test_embeddings_that_are_not_finite_or_not_there_are_named(informative: Setting) -> None:
    broken = informative.images.copy()
    broken[3] = np.nan
    informative.embed(broken)
    with pytest.raises(UserError, match="not finite"):
        informative.triage()
    informative.embed(informative.images)
    informative.context["image_embeddings"] = informative.context["image_embeddings"][:1]
    with pytest.raises(UserError, match="has no embedding of patch 'p018"):
        informative.triage()


def test_files_of_another_retriever_or_other_classes_are_refused(informative: Setting) -> None:
    prompts = informative.file("prompts")
    write_report_embeddings(prompts, CLASSES[:2], TRUE[:2], lineage="patches")
    with pytest.raises(UserError, match="is not of the classes"):
        informative.triage()
    write_report_embeddings(prompts, CLASSES, np.eye(3, D), lineage="patches", retriever="another")
    with pytest.raises(UserError, match="different retriever"):
        informative.triage()


def test_equal_inputs_give_equal_bytes(informative: Setting) -> None:
    informative.triage()
    before = (informative.folder / "demo.json").read_bytes()
    informative.triage()
    assert (informative.folder / "demo.json").read_bytes() == before
    assert read_json(informative.folder / "demo.json")["provenance"]["inputs"]["0/top1/teacher"]
