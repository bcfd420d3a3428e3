"""Exactly what an edit can change runs again, by dry run after one whole run of the chain."""

import os
import shutil

import pytest
import yaml
from tests.pipeline.conftest import Project
from tests.pipeline.own_data import OWN_VARIANTS

pytestmark = pytest.mark.xdist_group("chain")

PROBES = 4  # colour, linear_probe, and linear_probe on the trained backbone by either share of labels
UNLABELLED = 4  # clipit_unlabelled, by either share of labels and either rank
STUDENTS = 4 + UNLABELLED  # lora_only, random_pairing, image_distillation, clipit
TESTED = 2 + UNLABELLED  # on images of elsewhere: the runs on the trained backbone
TEACHERS = 5  # of random pairs, of image embeddings, of top1 pairs, and of the trained retriever's by either share
RUNS = PROBES + STUDENTS
PAIRED = {
    "pair": 3,
    "audit_pairs": 3,
    "compare_pairings": 2,
    "train_teacher": TEACHERS - 1,  # image embeddings meet no report
    "train_student": 2 + UNLABELLED,
    "evaluate": 2 + UNLABELLED,
    "predict_extra": UNLABELLED,
    "evaluate_extra": UNLABELLED,
    "compare": 2,
    "measure_cost": 1,  # of clipit's first seed, which one experiment has
    "explain": 1,
    "report": 1,
    "explorer": 1,
    "all": 1,
}
"""All that meets a report."""
LEARNT = {
    "train_probe": PROBES,
    "train_teacher": TEACHERS,
    "train_student": STUDENTS,
    "evaluate": RUNS,
    "predict_extra": TESTED,
    "evaluate_extra": TESTED,
}
"""All that learns labels of `my_images`, and its tests."""
TILED = {
    "index_dataset": 1,
    "tile_dataset": 1,
    "seal_dataset": 1,
    "split_dataset": 1,
    "label_dataset": 1,
    "extract_features": 3,
    "embed_images": 2,
    **PAIRED,
    **LEARNT,
}
"""All that meets an image of `my_images`: no encoder is trained on them."""


def test_a_second_run_has_nothing_to_do(chain: Project) -> None:
    assert chain.would_run() == {}


def test_comments_docstrings_formatting_and_touched_files_rerun_nothing(edited: Project) -> None:
    methods = edited.folder / "src/clipit/pairing/nearest.py"
    methods.write_text("# a comment\n" + methods.read_text().replace('"""The most similar reports', '"""Reports'))
    edited.edit("src/clipit/pairing/pair.py", "problem = Problem(", "problem = Problem(  # why\n")
    edited.edit(
        "src/clipit/training/teacher.py", "torch.set_num_threads(threads)", "\n    torch.set_num_threads( threads )"
    )
    for file in ("Snakefile", "workflow/scripts/pair.py", "src/clipit/embedding/images.py", "smaller.yaml"):
        os.utime(edited.folder / file)
    assert edited.would_run() == {}


def test_the_order_of_keys_reruns_nothing(edited: Project) -> None:
    def backwards(value: object) -> object:
        return {k: backwards(value[k]) for k in reversed(value)} if isinstance(value, dict) else value

    path = edited.folder / "smaller.yaml"
    path.write_text(yaml.safe_dump(backwards(yaml.safe_load(path.read_text())), sort_keys=False))
    assert edited.would_run() == {}


def test_where_it_lies_and_how_many_cores_it_has_rerun_nothing(edited: Project) -> None:
    """`edited` is a copy of the project that ran."""
    (edited.folder / "README.md").write_text("Another project of the same name.\n")
    assert edited.would_run("--cores", "1") == {}


def test_the_batch_of_an_encoder_reruns_the_page_that_tells_the_configuration(edited: Project) -> None:
    edited.edit("smaller.yaml", "image_size: 32", "image_size: 32\n    batch: 7")
    assert edited.would_run() == {"report": 1, "all": 1}


def test_a_touched_result_reruns_nothing(edited: Project) -> None:
    for file in ("labels.parquet", "splits.parquet"):
        os.utime(edited.folder / "results/patches/my_images" / file)
    assert edited.would_run() == {}


def test_one_more_report_embeds_no_image(edited: Project) -> None:
    with open(edited.folder / "data/reports.txt", "a") as file:
        file.write("Case 99. striped tissue of kind 3.\n")
    assert edited.would_run() == {"clean_reports": 1, "embed_reports": 2, **PAIRED}


def test_one_more_image_reruns_its_data_set_alone(edited: Project) -> None:
    shutil.copy(edited.folder / "data/images/0.png", edited.folder / "data/images/200.png")
    with open(edited.folder / "data/images/images.csv", "a") as file:
        file.write("200.png,striped,test,patient99\n")
    assert edited.would_run() == TILED


def test_another_pairing_method_pairs_anew_and_embeds_nothing(edited: Project) -> None:
    edited.edit("my.yaml", "pairing: top1", "pairing: csls")
    assert edited.would_run() == {
        "pair": 1,
        "audit_pairs": 1,
        "compare_pairings": 1,
        "train_teacher": 1,
        "train_student": 1,  # clipit; random pairs and image embeddings are what they were
        "evaluate": 1,
        "compare": 1,
        "measure_cost": 1,
        "explain": 1,
        "report": 1,
        "explorer": 1,
        "all": 1,
    }


def test_another_backbone_pairs_nothing_that_it_is_no_part_of(edited: Project) -> None:
    path = edited.folder / "smaller.yaml"
    config = yaml.safe_load(path.read_text())
    config["backbones"]["other"] = {"kind": "timm", "name": "local-dir:models/backbone", "image_size": 64}
    config["experiments"]["own_data"]["backbone"] = "other"
    path.write_text(yaml.safe_dump(config))
    assert edited.would_run() == {
        "extract_features": 1,
        "train_probe": 1,
        "train_student": 4,
        "evaluate": 5,
        "compare": 1,
        "measure_cost": 1,
        "explain": 1,
        "report": 1,
        "all": 1,
    }


EDITED = (
    "tiling/tile.py",
    "corpus/clean.py",
    "pretraining/simclr.py",
    "embedding/images.py",
    "embedding/reports.py",
    "training/features.py",
    "training/probe.py",
    "training/teacher.py",
    "training/student.py",
    "evaluation/evaluate.py",
    "reporting/forest.py",
)


def test_an_edit_of_a_stages_code_touches_its_own_jobs_alone(edited: Project) -> None:
    for file in EDITED:
        with open(edited.folder / "src/clipit" / file, "a") as module:
            module.write("\n_ADDED = 1\n")
    said = [line.strip() for line in edited.why().splitlines()[2:] if line]
    touched = dict(zip(said[::2], said[1::2], strict=True))
    del touched["follows from these"]
    assert touched == {
        "clipit.tiling.tile changed": "index_dataset 3, seal_dataset 3, tile_dataset 3",
        "clipit.corpus.clean changed": "clean_reports",
        "clipit.pretraining.simclr changed": "train_backbone",
        "clipit.embedding.images changed": "embed_images 2",
        "clipit.embedding.reports changed": "embed_reports 2",
        "clipit.training.features changed": "extract_features 4",
        "clipit.training.probe changed": f"predict_extra {TESTED}, train_probe {PROBES}",
        "clipit.training.teacher changed": f"train_teacher {TEACHERS}",
        "clipit.training.student changed": f"train_student {STUDENTS}",
        "clipit.evaluation.evaluate changed": f"evaluate {RUNS}, evaluate_extra {TESTED}",
        "clipit.reporting.forest changed": "report",
    }


def test_a_pairing_function_reruns_pairing_and_what_follows(edited: Project) -> None:
    edited.edit("src/clipit/pairing/hubness.py", "-alpha *", "-1.0 * alpha *")
    assert edited.would_run() == PAIRED


def test_another_way_of_measuring_cost_measures_it_and_shows_it(edited: Project) -> None:
    edited.edit("src/clipit/prediction/in_turns.py", "SECONDS = 3.0", "SECONDS = 5.0")
    assert edited.would_run() == {"measure_cost": 1, "report": 1, "all": 1}


def test_a_measurement_is_no_input_of_the_report_where_it_is_a_benchmark(edited: Project) -> None:
    for benchmark in (edited.folder / "results/benchmarks").rglob("*.*"):
        benchmark.write_text("") if benchmark.suffix == ".tsv" else os.utime(benchmark)
    (edited.folder / "results/benchmarks/jobs.json").unlink()
    timings = {"embed_images", "embed_reports"}  # their own timings are outputs
    assert not set(edited.would_run()) - timings - {"report", "all"}


def test_what_explains_the_students_trains_none(edited: Project) -> None:
    edited.edit("src/clipit/explaining/attribution.py", "WHITE = 255", "WHITE = 240")
    assert edited.would_run() == {"explain": 1, "report": 1, "all": 1}


def test_one_more_seed_runs_that_seed_alone(edited: Project) -> None:
    edited.edit("smaller.yaml", "- 0\n", "- 0\n    - 1\n")
    assert edited.would_run() == {
        "pair": 1,  # the random one
        "train_probe": 2,
        "train_teacher": 3,
        "train_student": 4,
        "evaluate": len(OWN_VARIANTS),
        "compare": 1,
        "explain": 1,
        "report": 1,
        "all": 1,
    }


def test_one_more_rank_to_choose_from_trains_that_rank_alone(edited: Project) -> None:
    edited.edit("smaller.yaml", "        - 3\n", "        - 3\n        - 4\n")
    assert edited.would_run() == {
        "train_student": 2,
        "evaluate": 2,
        "predict_extra": 2,
        "evaluate_extra": 2,
        "compare": 1,
        "report": 1,
        "all": 1,
    }


def test_one_more_share_of_labels_embeds_and_pairs_nothing(edited: Project) -> None:
    edited.edit("smaller.yaml", "    - 0.5\n", "    - 0.5\n    - 0.75\n")
    assert edited.would_run() == {
        "train_probe": 1,
        "train_teacher": 1,
        "train_student": 2,
        "evaluate": 3,
        "predict_extra": 3,
        "evaluate_extra": 3,
        "compare": 1,
        "report": 1,
        "all": 1,
    }


def test_one_corrected_label_reruns_no_tiling_embedding_or_pairing(edited: Project) -> None:
    edited.edit("data/images/images.csv", "0.png,striped", "0.png,grainy")
    assert edited.would_run() == {
        "label_dataset": 1,
        "audit_pairs": 3,  # it reports how far pairs follow labels
        "compare_pairings": 2,
        **LEARNT,
        "compare": 2,
        "measure_cost": 1,
        "explain": 1,
        "report": 1,
        "explorer": 1,
        "all": 1,
    }


def test_one_more_extra_test_trains_nothing(edited: Project) -> None:
    path = edited.folder / "smaller.yaml"
    config = yaml.safe_load(path.read_text())
    config["experiments"]["own_data"]["extra_tests"] = config["experiments"]["trained"]["extra_tests"]
    path.write_text(yaml.safe_dump(config))
    assert edited.would_run() == {
        "extract_features": 2,  # of colour and of the backbone
        "predict_extra": len(OWN_VARIANTS),
        "evaluate_extra": len(OWN_VARIANTS),
        "compare": 1,
        "report": 1,
        "all": 1,
    }


def test_a_corrected_label_of_elsewhere_is_tested_anew_and_trains_nothing(edited: Project) -> None:
    edited.edit("data/elsewhere/images.csv", "0.png,stripes", "0.png,grain")
    assert edited.would_run() == {
        "label_dataset": 1,
        "predict_extra": TESTED,
        "evaluate_extra": TESTED,
        "compare": 1,
        "report": 1,
        "all": 1,
    }


def test_an_edited_image_reruns_its_data_set_alone(edited: Project) -> None:
    picture = edited.folder / "data/images/3.png"
    picture.write_bytes((edited.folder / "data/images/5.png").read_bytes())
    assert edited.would_run() == TILED


def test_a_shorter_list_of_images_reruns_their_data_set_alone(edited: Project) -> None:
    edited.edit("data/images/images.csv", "143.png,grainy,test,patient35\n", "")
    assert edited.would_run() == TILED


def test_lambda_reruns_the_students_that_distil(edited: Project) -> None:
    edited.edit("smaller.yaml", "      steps: 10", "      steps: 10\n      lambda: 0.5")
    assert edited.would_run() == {
        "train_student": 3,  # random_pairing, image_distillation, clipit
        "evaluate": 3,
        "compare": 1,
        "measure_cost": 1,
        "explain": 1,
        "report": 1,
        "all": 1,
    }


def test_config_comes_on_top_of_a_configfile_that_replaces_the_default(chain: Project) -> None:
    jobs = chain.would_run("--config", "report={show_text: true}")
    assert jobs == {"report": 1, "explorer": 1, "all": 1}
    plain = chain.snakemake("--dry-run", "--config", "compute={threads: 2}")
    assert "phantom" in plain.stdout + plain.stderr
    assert "phantom" not in str(chain.would_run())
