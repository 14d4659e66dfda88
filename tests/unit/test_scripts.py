"""What the scripts say and do on machines that lack something, tried with stand-ins for java, python3 and apt-get."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("awk", "bash", "cat", "cksum", "dirname", "mktemp", "rm", "tail", "grep", "sed", "printf", "paste", "env")

JAVA = """#!{bash}
echo 'Property settings:' >&2
echo '    java.specification.version = {version}' >&2
echo '    user.home = /home of/someone' >&2
echo '    java.vm.specification.version = 99' >&2
"""


class Machine:
    """A path that holds a handful of tools and whatever stand-ins a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.jvm = folder / "bin", folder / "jvm"
        self.bin.mkdir()
        self.jvm.mkdir()
        self.variables: dict[str, str] = {}
        for name in TOOLS:
            place = subprocess.run(["bash", "-c", f"type -P {name}"], capture_output=True, text=True).stdout.strip()
            if place:
                (self.bin / name).symlink_to(place)

    def put(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{bash}", str(self.bin / "bash")))
        path.chmod(0o755)
        return path

    def java(self, version: str, path: Path | None = None) -> Path:
        return self.put(path or self.bin / "java", JAVA.replace("{version}", version))

    def run(self, commands: str) -> subprocess.CompletedProcess[str]:
        """Runs shell commands after sourcing scripts/lib.sh."""
        variables = {"PATH": str(self.bin), "JVM_FOLDER": str(self.jvm), **self.variables}
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f". '{ROOT}/scripts/lib.sh'\n{commands}"],
            env=variables,
            capture_output=True,
            text=True,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


FOUND = 'use_java && echo "$java_version|$java_user_home|${JAVA_HOME:-none}"'


@pytest.mark.parametrize(("version", "major"), [("17", 17), ("21", 21), ("25", 25)])
def test_a_new_java_on_the_path_is_taken(machine: Machine, version: str, major: int) -> None:
    machine.java(version)
    assert machine.run(FOUND).stdout == f"{major}|/home of/someone|none\n"


@pytest.mark.parametrize("version", ["1.8", "11", "16"])
def test_an_old_java_is_named_and_not_taken(machine: Machine, version: str) -> None:
    java = machine.java(version)
    run = machine.run('use_java || echo "$java_found"')
    assert run.stdout == f"{java} is Java {version.removeprefix('1.')}\n"


def test_no_java_at_all(machine: Machine) -> None:
    assert machine.run("use_java || echo none:$java_found").stdout == "none:\n"


def test_something_that_is_no_java_is_passed_over(machine: Machine) -> None:
    machine.put(machine.bin / "java", "#!{bash}\necho 'The operation could not be completed.' >&2\nexit 1\n")
    assert machine.run("use_java || echo none").stdout == "none\n"


def test_java_home_comes_first_and_a_useless_one_is_put_aside(machine: Machine, tmp_path: Path) -> None:
    machine.java("17")
    machine.java("21", tmp_path / "mine/bin/java")
    machine.variables["JAVA_HOME"] = str(tmp_path / "mine")
    assert machine.run(FOUND).stdout == f"21|/home of/someone|{tmp_path / 'mine'}\n"
    machine.java("8", tmp_path / "mine/bin/java")
    assert machine.run(FOUND).stdout == "17|/home of/someone|none\n"
    machine.variables["JAVA_HOME"] = str(tmp_path / "nowhere")
    assert machine.run(FOUND).stdout == "17|/home of/someone|none\n"


def test_a_new_java_beside_an_old_one_on_the_path_becomes_java_home(machine: Machine) -> None:
    machine.java("11")
    machine.java("17", machine.jvm / "seventeen/bin/java")
    assert machine.run(FOUND).stdout == f"17|/home of/someone|{machine.jvm / 'seventeen'}\n"


def test_an_old_python_is_passed_over(machine: Machine) -> None:
    machine.put(machine.bin / "python3", "#!{bash}\nexit 1\n")
    new = machine.put(machine.bin / "python3.12", "#!{bash}\nexit 0\n")
    assert machine.run("find_python").stdout == f"{new}\n"
    new.unlink()
    assert machine.run("find_python || echo none").stdout == "none\n"


@pytest.mark.parametrize(
    ("user", "release", "apt", "may"),
    [
        ("0", "ID=debian", True, "yes"),
        ("0", "ID=ubuntu\nID_LIKE=debian", True, "yes"),
        ("0", 'ID=linuxmint\nID_LIKE="ubuntu debian"', True, "yes"),
        ("0", "ID=fedora", True, "no"),
        ("0", "ID=debian", False, "no"),
        ("1000", "ID=debian", True, "no"),
    ],
)
def test_apt_is_for_root_on_debian_and_its_children(
    machine: Machine, tmp_path: Path, user: str, release: str, apt: bool, may: str
) -> None:
    machine.put(machine.bin / "id", "#!{bash}\necho " + user + "\n")
    if apt:
        machine.put(machine.bin / "apt-get", "#!{bash}\n")
    (tmp_path / "os-release").write_text(release + "\n")
    machine.variables["OS_RELEASE"] = str(tmp_path / "os-release")
    assert machine.run("may_apt && echo yes || echo no").stdout == f"{may}\n"


def test_a_stage_tells_its_time_hides_noise_and_shows_the_end_of_a_failure(machine: Machine) -> None:
    good = machine.run("noise() { echo noise; }; stage 'doing it' noise")
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "doing it … 0 s\n")
    bad = machine.run("noise() { echo why; return 3; }; stage 'doing it' noise || echo status $?")
    assert bad.stdout == "status 3\n"
    assert bad.stderr == "doing it … failed after 0 s\nwhy\n"


def script(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / words[0], *words[1:]], capture_output=True, text=True, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["scripts/submit"], "run_pipeline"),
        (["scripts/submit", "no_such_job"], "no job no_such_job; there are: "),
        (["scripts/submit", "../setup"], "no job ../setup"),
        (["scripts/test", "nothing"], "no tests called nothing"),
        (["scripts/test", "cluster", "unit"], "scripts/test cluster is run by itself"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(words: list[str], said: str) -> None:
    run = script(*words)
    assert run.returncode == 2
    assert run.stdout == ""
    assert said in run.stderr
    assert run.stderr.count("\n") == 1


def test_a_second_set_up_is_over_at_once_and_silent() -> None:
    if not (ROOT / ".venv/.setup/kernels").exists():
        pytest.skip("this checkout was not set up by scripts/setup")
    script("scripts/setup")
    run = script("scripts/setup")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
