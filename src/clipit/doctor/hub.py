"""Whether the Hugging Face hub gives what is not in its cache yet."""

from collections.abc import Callable, Sequence

from clipit.doctor.finding import Finding, size_text
from clipit.runtime.hub import (
    HubFile,
    HubListing,
    HubRepo,
    cache_folder,
    cached_file,
    check_readable,
    hub_listing,
    trouble,
)

_TIMEOUT = 10.0  # seconds


def look_up(
    subject: str,
    repo: HubRepo,
    needed: Callable[[HubListing], Sequence[HubFile]],
    *,
    looked_for: str,
    instead: str,
    copied_to: str = "",
) -> Finding:
    """Asks the hub for `repo`, and whether its files may be read.

    Args:
        needed: which files of the listing are fetched; none: it lacks what is `looked_for`.
        instead: what to do without a network.
        copied_to: the folder that the files are copied to from the cache.
    """
    try:
        listing = hub_listing(repo, timeout=_TIMEOUT)
        files = needed(listing)
        if not files:
            return Finding(
                subject, "FAIL", f"{repo.page} does not hold {looked_for}", "check the name, or choose another"
            )
        check_readable(repo, files[-1].path, timeout=_TIMEOUT)
    except Exception as error:
        found = trouble(error, repo, instead=instead)
        if found is None:
            raise
        return Finding(subject, "FAIL", found.what, found.remedy)
    size = sum(file.size for file in files)
    missing = sum(file.size for file in files if cached_file(repo, file.path) is None)
    access = "gated, and you have access" if listing.gated else "open to all"
    room = {str(cache_folder()): missing} | ({copied_to: size} if copied_to else {})
    detail = f"{repo} on the hub, {access}: {size_text(missing)} to fetch"
    return Finding(subject, "PASS", detail, "", missing, room, size)
