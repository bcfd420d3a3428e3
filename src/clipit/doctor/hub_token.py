"""Whether there is a token for models that may be closed without one."""

from collections.abc import Iterator

from clipit.config.encoders import HubModel, pinned
from clipit.config.experiment import Config
from clipit.doctor.finding import Finding
from clipit.encoders.hub import FORMATS, cached_model
from clipit.runtime.hub import LOGIN
from clipit.runtime.names import HUB


def hub_token(config: Config, used: dict[str, list[str]]) -> Iterator[Finding]:
    """A finding where a model that is still to be fetched from the hub has restricted terms; the token is never shown.

    Without a network nobody can say which of these are gated: some only ask for their terms to be kept.
    """
    from huggingface_hub import get_token

    wanted = [key for section in ("retrievers", "backbones") for key in _restricted(config, section, used[section])]
    if not wanted:
        return
    if get_token():
        yield Finding("hub token", "PASS", f"there is one, for {', '.join(wanted)}")
    else:
        detail = f"none here, and the hub may ask for one for {', '.join(wanted)}"
        yield Finding("hub token", "WARN", detail, LOGIN)


def _restricted(config: Config, section: str, names: list[str]) -> Iterator[str]:
    for name in names:
        entry = getattr(config, section)[name]
        if isinstance(entry, HubModel) and entry.restriction and entry.name.startswith(HUB):
            folder, missing = cached_model(pinned(entry), FORMATS[entry.kind])
            if folder is None or missing:
                yield f"{section}.{name}"
