"""clipit: from images and unpaired reports to a classifier that needs no text. See README.md."""

from snakemake.utils import min_version

min_version("9.0")


report: "workflow/report/workflow.rst"


if not workflow.overwrite_configfiles:

    configfile: workflow.source_path("config/config.yaml")


include: "rules/common.smk"
include: "rules/download.smk"
include: "rules/tile.smk"
include: "rules/corpus.smk"
include: "rules/pretrain.smk"
include: "rules/embed.smk"
include: "rules/pair.smk"
include: "rules/train.smk"
include: "rules/evaluate.smk"
include: "rules/cost.smk"
include: "rules/report.smk"
include: "rules/triage.smk"


rule all:
    default_target: True
    input:
        TABLES,
        PAIRING_TABLES,
        PATHS.report(),
        EXPLORER,


rule tables:
    input:
        TABLES,
        PAIRING_TABLES,


rule pairings:
    input:
        PAIRING_TABLES,
        EXPLORER,
