"""Reading what lies in object storage, at `s3://bucket/key`, as the file at a path is read.

Credentials and the address come from where every S3 client looks for them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
or a profile, AWS_REGION, and AWS_ENDPOINT_URL for any other service than Amazon's.
"""

import os
from pathlib import Path
from typing import Any, TypeGuard

from clipit.runtime.errors import UserError

_SCHEME = "s3://"
# TensorStore's own would go on for a quarter of an hour where nobody answers; this is 20 seconds.
_RETRIES = {"max_retries": 8, "initial_delay": "200ms", "max_delay": "5s"}


def is_remote(path: str | Path) -> TypeGuard[str]:
    """Whether `path` is an address in object storage; only a string can be, since a Path folds its slashes."""
    return isinstance(path, str) and path.startswith(_SCHEME)


def inside(folder: str | Path, *names: str) -> str | Path:
    """What lies under `folder`, a path or an address."""
    return "/".join([str(folder).rstrip("/"), *names]) if is_remote(folder) else Path(folder).joinpath(*names)


def beside(path: str | Path, name: str) -> str | Path:
    """What lies beside `path`, a path or an address."""
    return f"{str(path).rstrip('/').rpartition('/')[0]}/{name}" if is_remote(path) else Path(path).with_name(name)


def kvstore(folder: str | Path) -> dict[str, Any]:
    """The folder at a path or an address as TensorStore opens it."""
    if not is_remote(folder):
        return {"driver": "file", "path": f"{Path(folder).absolute()}/"}
    bucket, _, key = str(folder).removeprefix(_SCHEME).partition("/")
    spec = {"driver": "s3", "bucket": bucket, "path": f"{key}/", "context": {"s3_request_retries": _RETRIES}}
    if "AWS_ACCESS_KEY_ID" in os.environ:  # else TensorStore says ten times that there is no file of profiles
        spec["aws_credentials"] = {"type": "environment"}
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return spec | ({"aws_region": region} if region else {}) | ({"endpoint": endpoint} if endpoint else {})


def read_bytes(path: str | Path) -> bytes:
    """The content of the file at a path or an address.

    Raises:
        FileNotFoundError: there is none.
        UserError: the object storage does not answer, or refuses.
    """
    if not is_remote(path):
        return Path(path).read_bytes()
    import tensorstore as ts

    folder, _, name = str(path).rpartition("/")
    try:
        found = ts.KvStore.open(kvstore(folder)).result().read(name).result()
    except Exception as error:  # TensorStore's own: none of them is documented
        raise unreachable(path, error) from error
    if found.state != "value":
        raise FileNotFoundError(f"no {path}")
    content: bytes = found.value
    return content


def names_in(folder: str) -> set[str]:
    """The names under an address in object storage, relative to it, at any depth.

    Raises:
        UserError: the object storage does not answer, or refuses.
    """
    import tensorstore as ts

    try:
        return {name.decode() for name in ts.KvStore.open(kvstore(folder)).result().list().result()}
    except Exception as error:
        raise unreachable(folder, error) from error


def unreachable(path: str | Path, error: Exception) -> UserError:
    """What to say where the object storage of `path` does not give it."""
    return UserError(
        f"{path} cannot be read ({str(error).splitlines()[0][:300]}): check the address, the credentials "
        "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), AWS_REGION and AWS_ENDPOINT_URL"
    )
