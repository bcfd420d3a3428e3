"""What the user has to see to: licences to accept, own files to be there."""

from collections.abc import Iterator

from clipit.config.experiment import Config
from clipit.config.licence import Licensed
from clipit.doctor.finding import Finding
from clipit.workflow.check import OwnPath


def licences(config: Config, used: dict[str, list[str]]) -> Iterator[Finding]:
    """A finding for each entry whose owner asks for more than to be named."""
    for section, names in used.items():
        for name in names:
            entry = getattr(config, section)[name]
            if not isinstance(entry, Licensed) or not entry.restriction:
                continue
            subject, terms = f"{section}.{name} licence", f"{entry.licence or 'terms of its own'}: {entry.restriction}"
            if entry.accept_licence:
                yield Finding(subject, "PASS", f"accepted: {terms}")
            else:
                remedy = f"read it; if you accept, write accept_licence: true in {section}.{name} of your config"
                yield Finding(subject, "FAIL", terms, remedy)


def own_files(paths: Iterator[OwnPath]) -> Iterator[Finding]:
    """A finding for each own file or folder that the configuration names."""
    for own in paths:
        if fault := own.fault():
            detail, _, remedy = fault.rpartition(": ")
            yield Finding(own.key, "FAIL", detail, remedy)
        else:
            yield Finding(own.key, "PASS", f"{own.path} is there")
