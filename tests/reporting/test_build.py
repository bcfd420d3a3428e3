import re
from html.parser import HTMLParser

import pytest

from clipit.artifacts.provenance import Origin
from clipit.evaluation.compare import compare


class _Elements(HTMLParser):
    """Every element with its attributes, and the text outside style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def test_page_tells_the_verdict_and_shows_every_part(page) -> None:
    text = _Elements(page()).text
    for part in (
        "SYNTHETIC DATA.", "clipit − lora_only = ", "A claim on text needs clipit > image_distillation too",
        "Pairing audit", "41% of the reports are used at all",
        "0.02 for labels dealt anew, p = 0.005", "What the variants are", "Needs no text in use",
        "conditional on the seeds", "seed 2",
    ):  # fmt: skip
        assert part in text


def test_page_tells_where_the_time_of_embedding_went(page) -> None:
    text = _Elements(page()).text
    # Two parts of 11.5 and 12.5 s, of which 2 s each for loading.
    assert "phantom by phantom_clip 300 patches 15/s cpu, bf16, batches of 64 4.0 1.0 2.0 17.0 0.5 24.0" in text
    assert "where the time went" not in _Elements(page(embeddings=[])).text


def test_page_tells_what_a_student_costs(page) -> None:
    text = _Elements(page()).text
    assert "clipit, seed 0, of phantom; EPYC, 2 threads; 20 and 20 rounds." in text
    assert "clipit the student as it is exported 10.1 M +1.00% 2 +0.05% 5.1 +2.0% [−1.0, +4.0]" in text
    assert "measure_cost dddddddddddd" in text
    without = page(costs=[])
    assert 'href="#cost"' not in without and "What it costs" not in without


def test_page_tells_where_the_time_of_the_chain_went(page, tmp_path) -> None:
    html = page()
    assert "train_student 2 1 without record 12.5 s 12.5 s 812 MB" in _Elements(html).text
    assert "Of 1 of the 3 jobs there is no record here" in _Elements(html).text
    without = page(job_list=tmp_path / "nowhere.json")
    assert "Where the time went" not in without and 'href="#time"' not in without
    # Its own section is all that a benchmark changes.
    section = re.search(r'<section id="time">.*?</section>', html, re.DOTALL)
    assert section
    assert html.replace(section[0], "").replace('<a href="#time">Time</a>', "").split() == without.split()


def test_page_names_licences_and_citations(page) -> None:
    text = _Elements(page()).text
    assert "backbone uni: CC BY-NC-ND 4.0 (academic research only) Chen et al. 2024, UNI" in text
    assert "images and labels phantom: synthetic, computed here" in text
    assert "reports mine: licence not stated" in text
    assert "Made of" not in page(sources=[])


def test_page_is_one_file_that_loads_nothing(page) -> None:
    html = page()
    for tag, attributes in _Elements(html).found:
        assert tag not in {"script", "link", "iframe", "object", "embed", "base"}
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "xlink:href"):
            assert re.match(r"data:image/(png|jpeg|webp)|#|explorer\.html$|$", attributes.get(name) or ""), attributes
    assert "@import" not in html
    assert not re.findall(r"url\((?!#)", html)


def test_the_audit_leads_to_the_explorer_where_there_is_one(page) -> None:
    assert ("a", {"href": "explorer.html"}) in _Elements(page()).found
    assert "explorer.html" not in page(explorer=False)


def test_another_backbone_is_another_drawing_of_the_training(page, artefacts, tmp_path) -> None:
    first = artefacts["experiments"][0]
    both = [run | {"row": run["row"] | {"backbone": name}} for name in ("resnet", "vit") for run in first["runs"]]
    outs = [tmp_path / f"both.{suffix}" for suffix in ("csv", "md", "json")]
    compare(both, *outs, origin=Origin("compare"), resamples=20)
    html = page(experiments=[first | {"table_json": outs[2], "runs": both}])
    drawn = [label for label in re.findall(r'aria-label="([^"]+)"', html) if label.startswith("Training curves")]
    assert len(drawn) == 2
    assert all("lora_only" in label and "clipit" in label for label in drawn)  # which has no corpus, and which has one
    assert "<h4>resnet</h4>" in html and "<h4>vit</h4>" in html


def test_what_is_shown_of_several_data_sets_says_of_which(page, artefacts) -> None:
    first = artefacts["experiments"][0]
    assert "<h3>top1</h3>" in page()
    assert "phantom with reports by clip, top1: a few patches of each class" in _Elements(page()).text
    of_ward = [audit | {"row": audit["row"] | {"dataset": "ward"}} for audit in first["audits"]]
    html = page(experiments=[first | {"audits": first["audits"] + of_ward}])
    for title in ("phantom · top1", "ward · top1"):
        assert f"<h3>{title}</h3>" in html


def test_report_text_is_escaped(page) -> None:
    html = page()
    assert "&lt;script&gt;alert(" in html
    assert "<script" not in html
    assert "<img src=x" not in html


def test_the_policy_lets_no_script_run_and_nothing_be_loaded(page) -> None:
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page())
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'" and "script-src" not in rules
    assert rules["img-src"] == "data:"
    assert rules["base-uri"] == rules["form-action"] == "'none'"


def test_long_reports_are_cut(page) -> None:
    quotes = re.findall(r"<blockquote[^>]*>(.*?)</blockquote>", page(), re.DOTALL)
    assert max(len(quote.split()) for quote in quotes) == 61


def test_without_show_text_no_word_and_no_id_of_a_report_is_in_the_page(page) -> None:
    html = page(show_text=False)
    assert html.count('src="data:image/png') == 6 * 3 + 2 * 6
    for secret in ("TCGA", "zymogenic", "formalin", "biopsy", "script", "<blockquote"):
        assert secret not in html


def test_pictures_and_tables_are_named(page) -> None:
    elements = _Elements(page()).found
    assert all(attributes.get("alt") for tag, attributes in elements if tag == "img")
    pictures = [attributes for tag, attributes in elements if tag == "svg"]
    assert all(a.get("aria-hidden") == "true" or a.get("aria-label") for a in pictures)
    assert any(a.get("class") == "curves" for a in pictures)
    assert all(attributes.get("scope") for tag, attributes in elements if tag == "th")


def test_no_id_is_used_twice(page, artefacts) -> None:
    first = artefacts["experiments"][0]
    html = page(experiments=[first, {**first, "name": "again", "title": "Again"}])
    ids = [attributes["id"] for _, attributes in _Elements(html).found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {"demo", "again"} <= set(ids)


def test_one_variant_alone_gets_a_page(page, artefacts, tmp_path) -> None:
    runs = [run for run in artefacts["experiments"][0]["runs"] if run["variant"] == "colour"][:1]
    outs = [tmp_path / f"alone.{suffix}" for suffix in ("csv", "md", "json")]
    compare(runs, *outs, origin=Origin("compare"), resamples=20)
    alone = {"name": "alone", "title": "Alone", "table_json": outs[2], "runs": runs, "audits": [], "montage": None}
    alone |= {"pairings_json": None, "explained": None}
    html = page(experiments=[{**alone, "slides": []}])
    assert "Not measured" in html
    assert "Training curves" not in html
    assert "Reliability and ROC of colour" in html


def test_the_maps_of_both_models_stand_beside_won_and_lost_patches(page, artefacts) -> None:
    html = page()
    text = _Elements(html).text
    assert html.count('src="data:image/webp') == 2 * 2 * 6
    assert html.count('alt="What lora_only takes for tumour lies mostly at the top"') == 2 * 6
    assert "that clipit (seed 0) and lora_only (seed 0) give to that class" in text
    assert "summed over 16 × 16 cells" in text
    assert "miss the difference that they explain by 1.0% on average" in text
    assert "it is no evidence of reasons" in text
    without = page(experiments=[artefacts["experiments"][0] | {"explained": None}])
    assert "Won and lost" in without
    assert "image/webp" not in without
    assert "no evidence of reasons" not in without


def test_where_the_patches_lie_is_drawn_and_said_in_figures(page, artefacts) -> None:
    html = page()
    text = _Elements(html).text
    assert "Where the patches lie, before and after 900 of 1,152 test patches of phantom" in text
    assert (
        "Before training Across 90%, up 10% of the variance 73% of the 10 nearest are of the same class, 17% by" in text
    )
    assert "After training Across 69%, up 31% of the variance A picture in two dimensions proves nothing" in text
    assert "among patches of other patients or slides" in text
    drawn = re.findall(r'<svg class="points".*?</svg>', html, re.DOTALL)
    assert [picture.count("<path") for picture in drawn] == [6, 6]
    assert sum(map(len, drawn)) < 60_000
    without = page(experiments=[artefacts["experiments"][0] | {"explained": None}])
    assert "Where the patches lie" not in without


def test_every_row_is_drawn_against_its_control(page) -> None:
    drawn = re.findall(r'<td class="chart">.*?</td>', page(), re.DOTALL)
    assert drawn
    assert all('class="reference"' in drawing for drawing in drawn)


def test_equal_inputs_give_equal_bytes(page) -> None:
    assert page() == page()


def test_real_data_without_audit_or_montage(page, artefacts) -> None:
    without = {"audits": [], "pairings_json": None, "montage": None, "explained": None}
    html = page(synthetic=False, experiments=[artefacts["experiments"][0] | without])
    assert "SYNTHETIC" not in html
    assert "Pairing audit" not in html
    assert "Patches and their reports" not in html


def test_provenance_names_configuration_code_and_seeds(page) -> None:
    html = page()
    assert "experiments:\n  demo:\n    seeds:\n    - 0\n    - 1\n    training:\n      lambda: 0.25\n" in html
    assert "evaluate <code>eeeeeeeeeeee</code>" in html
    assert "<dd>0, 1, 2</dd>" in html
    assert page(origin=Origin("report", {"configuration": "another"}, code="b" * 64)) != html


def test_confusion_is_a_share_of_the_true_class(page) -> None:
    table = re.search(r'<table class="confusion">.*?</table>', page(), re.DOTALL)
    assert table
    for row in re.findall(r"<tr><th scope=\"row\">.*?</tr>", table[0], re.DOTALL):
        assert sum(float(share) for share in re.findall(r"--share:([\d.]+)", row)) == pytest.approx(1, abs=0.005)
