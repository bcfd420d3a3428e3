"""Is a pairing worth a LoRA run? Each reason with its number and the threshold that it is held against.

These are conditions that must hold, not a promise: what the backbone knows already is not looked at.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from clipit.statistics.groups import FEW_GROUPS
from clipit.statistics.wording import bracket, points

LEAST_GAIN = 0.10
"""Balanced accuracy that the teacher must have over the same teacher on random reports. A student takes over a part of
what its teacher knows, and the seeds of one LoRA run alone spread by one to three points (docs/results.md): a smaller
lead of the teacher would not be seen in the student."""

LEAST_KEPT = 0.5
"""Share of the probe's lead over chance that the teacher must keep. A report is chosen by the image embedding, so it
knows no more of the class than that does; where it knows less than half, distil the image embedding instead."""

LEAST_TOKENS = 0.5
"""Share of the corpus's tokens below which most of the text was never seen, so that a poor pairing may be the cut's."""

LEAST_AGREEMENT = 0.2
"""Share of images to which two methods give the same report, below which the choice hangs more on the method than on
the image. (Two reports may say the same, so this only cautions.)"""


def judge(context: Mapping[str, Any], pairing: Mapping[str, Any]) -> dict[str, Any]:
    """{"worth", "verdict", "reasons"} of a pairing, from the figures of `triage`.

    A reason is {"name", "value", "threshold", "holds", "decides", "text"}; a pairing is worth a run where all that
    decide hold.
    """
    reasons = [reason for reason in _reasons(context, pairing) if reason is not None]
    against = [reason["name"] for reason in reasons if reason["decides"] and not reason["holds"]]
    cautions = sum(not reason["decides"] and not reason["holds"] for reason in reasons)
    verdict = f"not worth a LoRA run: {', '.join(against)}" if against else "worth a LoRA run"
    if cautions and not against:
        verdict += f", with {cautions} caution{'s' * (cautions > 1)}"
    return {"worth": not against, "verdict": verdict, "reasons": reasons}


def _reasons(context: Mapping[str, Any], pairing: Mapping[str, Any]) -> Sequence[dict[str, Any] | None]:
    return (
        _probe(context),
        _zero_shot(context),
        _gain(context, pairing),
        _kept(context, pairing),
        _hub(context, pairing),
        _variety(context, pairing),
        _tokens(context),
        _agreement(pairing),
        _patients(context),
    )


def _reason(name: str, value: float, threshold: float, holds: bool, text: str, *, decides: bool) -> dict[str, Any]:
    return {
        "name": name,
        "value": float(value),
        "threshold": float(threshold),
        "holds": bool(holds),
        "decides": decides,
        "text": text,
    }


def _probe(context: Mapping[str, Any]) -> dict[str, Any]:
    """Does the retriever see the classes at all? What its images do not tell, no report chosen by them can."""
    found, chance = context["probe"], context["chance"]
    holds = found["low"] > chance
    text = f"a probe of the retriever's image embeddings reaches {_percent(found)}, chance is {100 * chance:.1f}: "
    text += "it sees the classes" if holds else "it does not see the classes, and no report chosen by it can tell them"
    return _reason("retriever probe", found["low"], chance, holds, text, decides=True)


def _zero_shot(context: Mapping[str, Any]) -> dict[str, Any]:
    """Do its texts mean what its images show? No teacher can tell.

    Images that look alike are given the same report whatever it says, so that it marks them as a number would: on the
    null phantom, whose reports are drawn without regard to the images, a teacher is far above random reports.
    """
    found, chance = context["zero_shot"], context["chance"]
    holds = found["low"] > chance
    text = f"the classes' names as texts reach {_percent(found)}, chance is {100 * chance:.1f}: "
    text += "its texts mean what its images show" if holds else "not shown that its texts mean what its images show"
    text += "" if holds else " (abbreviations and numbers are no names to it)"
    return _reason("zero-shot", found["low"], chance, holds, text, decides=True)


def _gain(context: Mapping[str, Any], pairing: Mapping[str, Any]) -> dict[str, Any]:
    """Do the paired reports tell the classes better than drawn ones?"""
    gain = pairing["gain"]
    holds = gain["value"] >= LEAST_GAIN and gain["low"] > 0
    text = (
        f"the teacher on the paired reports reaches {_percent(pairing['teacher'])}, on drawn ones "
        f"{_percent(context['floor'])}: {points(gain['value'])} {bracket(gain)}, needed {points(LEAST_GAIN)}"
        + ("" if gain["low"] > 0 else " and an interval above 0")
    )
    return _reason("teacher above random reports", gain["value"], LEAST_GAIN, holds, text, decides=True)


def _kept(context: Mapping[str, Any], pairing: Mapping[str, Any]) -> dict[str, Any]:
    """How much of what the image embedding knows arrives in the report?"""
    kept = pairing["kept"]
    text = f"the reports keep {100 * kept:.0f}% of the probe's lead over chance, needed {100 * LEAST_KEPT:.0f}%" + (
        "" if kept >= LEAST_KEPT else ": the image embedding itself is the better target"
    )
    return _reason("share of the probe kept", kept, LEAST_KEPT, kept >= LEAST_KEPT, text, decides=True)


def _hub(context: Mapping[str, Any], pairing: Mapping[str, Any]) -> dict[str, Any]:
    """Does one report go to more images than any class has? Then it must join classes."""
    share, most = pairing["top_hub_share"], context["largest_class"]
    text = (
        f"the most used report goes to {100 * share:.1f}% of the train images, the largest class has {100 * most:.1f}%"
    )
    return _reason("hub", share, most, share <= most, text, decides=True)


def _variety(context: Mapping[str, Any], pairing: Mapping[str, Any]) -> dict[str, Any]:
    """Are there as many reports in use as classes?"""
    used, classes = pairing["effective_reports"], len(context["classes"])
    text = f"as many as {used:.1f} equally used reports ({100 * pairing['coverage']:.0f}% of the corpus at all), "
    text += f"{classes} classes"
    return _reason("reports in use", used, classes, used >= classes, text, decides=True)


def _tokens(context: Mapping[str, Any]) -> dict[str, Any]:
    read = context["tokens_read"]
    text = f"{100 * read:.0f}% of the reports' tokens were read" + ("" if read >= LEAST_TOKENS else ": read by chunks")
    return _reason("tokens read", read, LEAST_TOKENS, read >= LEAST_TOKENS, text, decides=False)


def _agreement(pairing: Mapping[str, Any]) -> dict[str, Any] | None:
    """None where no other method that ranks differently was paired."""
    share = pairing["agreement"]
    if share is None:
        return None
    holds = share >= LEAST_AGREEMENT
    text = f"other methods give the same report to {100 * share:.0f}% of the val images"
    text += "" if holds else ": which report an image gets hangs on the method"
    return _reason("agreement of methods", share, LEAST_AGREEMENT, holds, text, decides=False)


def _patients(context: Mapping[str, Any]) -> dict[str, Any]:
    known = context["n_groups"]
    holds = known is not None and known >= FEW_GROUPS
    if known is None:
        text = "patients are unknown: val patches may be of train patients, and intervals are too narrow"
    else:
        text = f"{known} patients or slides in val" + ("" if holds else ": intervals are too narrow")
    return _reason("patients in val", known or 0, FEW_GROUPS, holds, text, decides=False)


def _percent(figure: Mapping[str, float]) -> str:
    return f"{100 * figure['value']:.1f} {bracket(figure)}"
