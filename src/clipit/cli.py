"""The command `clipit`: what is asked of clipit beside running its pipeline, which is `snakemake`'s."""

import sys
import webbrowser
from pathlib import Path
from typing import Annotated, Literal

import typer

from clipit.artifacts.paths import Paths
from clipit.config.expand import expand
from clipit.fuser.flags import SPELLINGS, Flags, as_command
from clipit.fuser.run import run
from clipit.runtime.errors import UserError
from clipit.workflow.launch import read_config, run_snakemake

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,  # they show local variables, a token among them
)


DEFAULT = Path("config/config.yaml")
ConfigFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help=f"Configuration, as for snakemake --configfile; given again, later ones come on top. Default: {DEFAULT}.",
    ),
]

Device = Literal["auto", "cpu", "cuda"]


@app.callback()
def main() -> None:
    """Improve a histology patch classifier with text that was never paired with its images.

    The pipeline itself is run by `snakemake`, in the project's folder:

        snakemake --configfile my.yaml -n    # shows what would run
        snakemake --configfile my.yaml       # runs it

    The commands below are what else there is. Each says more with --help.
    """


@app.command()
def doctor(
    config: ConfigFiles = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every patch that was stored and compare it with its digest; minutes.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document in place of lines.")] = False,
) -> None:
    """Say what a run would lack, before it runs.

    Of the machine: Python, the installed packages beside their pins, cores, memory, GPU, cluster. For each model,
    corpus and data set that the configuration uses: is it here, can it be reached, does it need a token or access to be
    asked for, is a licence to be accepted, how large is it. Then whether the disk will hold it, and what is computed.
    Each finding is PASS, WARN or FAIL, with what to do. Nothing is fetched or changed, no token is printed, and it
    works without a network (then it says where to put what by hand). Run it in the project's folder.

        clipit doctor --config config/paper.yaml
        clipit doctor --config my.yaml --config accepted.yaml --json

    Exit status: 0 if a run would find all it needs, 1 if something FAILs, 2 if the configuration itself is wrong.
    """
    from rich.console import Console

    from clipit.doctor import show
    from clipit.doctor.examine import examine

    try:
        checked = read_config(config or [DEFAULT])
        findings = examine(checked, expand(checked), deep=deep)
    except UserError as error:
        print(f"clipit: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    if as_json:
        print(show.as_json(findings))
    else:
        show.print_findings(findings, Console(highlight=False))
    raise typer.Exit(1 if any(finding.status == "FAIL" for finding in findings) else 0)


@app.command()
def why(
    targets: Annotated[
        list[str] | None, typer.Argument(metavar="[TARGET...]", help="Files or rules. Default: all that a run makes.")
    ] = None,
    config: ConfigFiles = None,
    directory: Annotated[
        Path | None, typer.Option("--directory", metavar="DIR", help="Working folder, as for snakemake --directory.")
    ] = None,
) -> None:
    """Say what would run again, and what change makes it.

    Names the module whose code changed, the setting with its old and new value, the file that is newer or gone, with
    the jobs that each touches; then what only follows from those. Nothing is run. Run it in the project's folder.

        clipit why --config my.yaml
        clipit why results/tables/my_images.md --config my.yaml

    Exit status: 0, or 2 if it cannot be told.
    """
    from clipit.workflow.why import as_text
    from clipit.workflow.why import why as find

    try:
        files = config or [DEFAULT]
        read_config(files)  # a mistake ends in one line
        print(as_text(find(targets or [], files, directory)))
    except UserError as error:
        print(f"clipit: {error}", file=sys.stderr)
        raise typer.Exit(2) from None


@app.command()
def explore(
    config: ConfigFiles = None,
    results: Annotated[
        Path | None, typer.Option("--results", metavar="DIR", help="The results folder, in place of a configuration's.")
    ] = None,
) -> None:
    """Open the page that shows images beside the reports they were paired with.

    It is a file, made by the pipeline, that needs neither server nor network; its path is printed. Run it in the
    project's folder, or name the results folder.

        clipit explore --config my.yaml
        clipit explore --results /data/results

    Exit status: 0, or 2 if the page has not been made.
    """
    try:
        page = Path(Paths(str(results or read_config(config or [DEFAULT]).results)).report("explorer.html"))
        if not page.is_file():
            configured = f" --configfile {' '.join(map(str, config))}" if config else ""
            raise UserError(f"{page} does not exist: run `snakemake {page}{configured}` to make it")
    except UserError as error:
        print(f"clipit: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    print(page)
    if not webbrowser.open(page.resolve().as_uri()):
        print("clipit: no browser was found here: open the file in one", file=sys.stderr)


@app.command()
def triage(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="Configuration, as for snakemake --configfile.")],
    more: Annotated[
        list[Path] | None,
        typer.Option("--config", metavar="FILE", help="A further one that comes on top; may be given again."),
    ] = None,
    cores: Annotated[
        int | None, typer.Option("--cores", min=1, metavar="N", help="Cores to use. Default: the profile's.")
    ] = None,
) -> None:
    """Say whether pairing is worth a LoRA run, before there is one.

    Runs the pipeline as far as embeddings, pairs and the small heads on them, minutes in place of hours, and looks at
    train and val patches alone: does the retriever see the classes, do the paired reports tell them, better than
    reports drawn at random, do a few reports go to every image. Each pairing of each experiment gets a verdict with
    its reasons. What is made here is not made again by the full run. Run it in the project's folder.

        clipit triage my.yaml

    Exit status: 0 if it was measured, whatever the verdict; 2 if the configuration is wrong; else snakemake's.
    """
    from rich.console import Console

    files = [config, *(more or [])]
    try:
        checked = read_config(files)
        targets = [Paths(checked.results).triage(experiment) for experiment in checked.experiments]
        if status := run_snakemake(targets, files, cores):
            raise typer.Exit(status)
        from clipit.triage.show import print_triage

        for target in targets:
            print_triage(Path(target), Console(highlight=False))
    except UserError as error:
        print(f"clipit: {error}", file=sys.stderr)
        raise typer.Exit(2) from None


@app.command("predict")
def predict_command(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="Folder of a run or an export, .onnx or .pt file, or hf-hub:owner/name."),
    ],
    inputs: Annotated[
        list[Path],
        typer.Argument(metavar="INPUT...", help="Images, folders, CSVs (column path), patch stores, whole slides."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The table, .parquet or .csv.")] = Path(
        "predictions.parquet"
    ),
    device: Annotated[Device, typer.Option("--device", help="auto: a GPU where there is one.")] = "auto",
    precision: Annotated[
        Literal["fp32", "bf16"], typer.Option("--precision", help="bf16 is faster, and changes the third decimal.")
    ] = "fp32",
    mpp: Annotated[
        float | None,
        typer.Option("--mpp", min=0.01, metavar="UM", help="Microns per pixel of slides' tiles. Default: the model's."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, metavar="N", help="Threads. Default: one for each core.")
    ] = None,
) -> None:
    """Classify images and slides with a trained model; no report and no text model is needed.

    An image is one patch, its centre, as in training; a slide is cut into tiles where there is tissue. The table has a
    row for each, with a probability for every class, or the reason why it could not be read. Of each slide there is a
    map too, a picture and a .geojson that QuPath opens, in a folder beside the table.

        clipit predict results/runs/my_images/uni/clipit/1a2b3c4d/seed0 new_images/ --out new.csv
        clipit predict exported/model.onnx slide1.svs slide2.svs --out slides.parquet

    Exit status: 0; 1 if something could not be read (the rest is there); 2 if nothing could be done.
    """
    from clipit.prediction.command import run_predict

    try:
        status = run_predict(model, inputs, out, device=device, threads=threads, precision=precision, mpp=mpp)
    except UserError as error:
        print(f"clipit: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    raise typer.Exit(status)


@app.command()
def export(
    run_folder: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a trained student: results/runs/…/seed0.")
    ],
    to: Annotated[
        Literal["onnx", "safetensors", "torchscript", "hub-folder"],
        typer.Option("--to", help="hub-folder: what timm loads and the Hugging Face hub shows."),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write.")],
    config: ConfigFiles = None,
) -> None:
    """Write a trained model in a form that runs elsewhere, with a model card.

    What is written holds no text and no text encoder. It is loaded again and must give the same probabilities, within
    0.0001, on random patches and on some of the run's own. The card, README.md, has the metrics with their intervals,
    and the licences of what the model was made of, as the configuration that trained it tells.

        clipit export results/runs/my_images/uni/clipit/1a2b3c4d/seed0 --to onnx --out exported --config my.yaml

    Exit status: 0, or 2 if it could not be exported.
    """
    from clipit.prediction.export import export_student
    from clipit.workflow.made_of import exported_with

    try:
        found = export_student(run_folder, to, out, **exported_with(config or [DEFAULT], run_folder))
    except UserError as error:
        print(f"clipit: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    for file in found.files:
        print(file)
    print(f"Largest difference of a probability from the student's: {found.difference:.1e}, on {found.checked_on}.")


@app.command("train-fuser", context_settings=SPELLINGS)
@as_command
def train_fuser(flags: Flags) -> None:
    """Train one CLIP-IT model by the flags of the released code's stage 3.

    Takes the flags of the released script with their defaults, hyphens and underscores alike, and runs the whole
    pipeline for them: data, embeddings, pairs, unimodal baseline, teacher, student, table. What earlier calls have made
    is not made again. Run it in the project's folder.

        clipit train-fuser --ds pcam --model UNI --lora_r 16 --lora_alpha 4 -n
        clipit train-fuser --ds bach --model VITS_16 --ep 20 --sd 0 --sd 1 --sd 2 --control

    docs/train_fuser.md says of each flag which key of a configuration it sets, and what is not as there.

    Exit status: 0 if it was trained, 2 if a flag is wrong; else snakemake's.
    """
    try:
        status = run(flags)
    except UserError as error:
        print(f"clipit: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    raise typer.Exit(status)


if __name__ == "__main__":
    app()
