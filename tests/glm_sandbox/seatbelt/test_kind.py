"""Kind seatbelt without a Mac: what chooses it and refuses it, and its kernels' way around it.

A stand-in for sandbox-exec takes the same arguments and runs the command behind nothing. So all
but the isolation is real here: the process, its limits, its environment, its files.
"""

from __future__ import annotations

import os
import resource
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from glm_sandbox import (
    KernelPool,
    KernelStartError,
    KindUnavailable,
    Limits,
    LimitUnavailable,
    WeakIsolationWarning,
    results,
    strongest_or_local,
)
from glm_sandbox.commands import sandbox
from glm_sandbox.isolation import seatbelt
from glm_sandbox.isolation.interpreter import interpreter
from glm_sandbox.kinds import choose, docker, notice
from glm_sandbox.kinds import seatbelt as kind
from glm_sandbox.promises import attacks
from glm_sandbox.promises.ground import small

STAND_IN = """#!/bin/sh
[ "$1" = -p ] && [ "${2#(version 1)}" != "$2" ] || { echo "no profile" >&2; exit 64; }
shift 2
while [ "$1" = -D ]; do
    case "$2" in *=*) shift 2 ;; *) echo "no value" >&2; exit 64 ;; esac
done
exec "$@"
"""
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="fakes a platform")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "sandbox-exec"
    path.write_text(STAND_IN)
    path.chmod(0o755)
    monkeypatch.setattr(seatbelt, "PROGRAM", str(path))
    monkeypatch.setattr(notice, "_given", set())
    return path


@pytest.fixture
def mac(program: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """As on a Mac, by what our code asks of the platform."""
    cached = (seatbelt.unavailable, interpreter)
    for function in cached:
        function.cache_clear()
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(os, "geteuid", lambda: 501)
    yield program
    for function in cached:
        function.cache_clear()


@pytest.fixture
def kernels(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels of this kind start, behind nothing."""
    monkeypatch.setattr(seatbelt, "unavailable", lambda: None)
    if os.geteuid() != 0:  # Linux counts threads, and a user's limit holds for all of them
        monkeypatch.setattr(kind, "PROCESSES", 100_000)


class TestChoosing:
    @ON_LINUX
    def test_on_linux_it_is_refused_and_says_why(self) -> None:
        with pytest.raises(KindUnavailable, match=r"cannot run here: it is macOS's own; on Linux"):
            KernelPool(kind="seatbelt")
        assert choose_or_none("auto") != "seatbelt"

    @ON_LINUX
    def test_the_command_line_knows_it(self) -> None:
        done = CliRunner().invoke(sandbox, ["check", "--kind", "seatbelt"])
        assert done.exit_code == 2
        assert done.stderr.startswith(
            "error: kernels of kind 'seatbelt' cannot run here: it is mac"
        )
        assert done.stderr.count("\n") == 1

    @ON_LINUX
    def test_on_a_mac_auto_takes_it(self, mac: Path) -> None:
        assert choose("auto") == "seatbelt"
        assert strongest_or_local() == "seatbelt"

    @ON_LINUX
    def test_docker_is_taken_before_it_where_it_runs(
        self, mac: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(docker.DockerLauncher, "unavailable", classmethod(lambda _: None))
        assert choose("auto") == "docker"

    @ON_LINUX
    def test_without_it_auto_refuses_and_tells_of_every_kind(self, mac: Path) -> None:
        mac.unlink()
        with pytest.raises(KindUnavailable) as error:
            choose("auto")
        for said in (
            "bubblewrap: it needs Linux",
            "docker: it needs Linux",
            "seatbelt: this macOS",
        ):
            assert said in str(error.value)

    @ON_LINUX
    def test_root_is_refused(self, mac: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        with pytest.raises(KindUnavailable, match="start it as an ordinary user"):
            choose("seatbelt")

    @ON_LINUX
    def test_a_profile_that_this_macos_does_not_take_is_a_refusal(self, mac: Path) -> None:
        mac.write_text("#!/bin/sh\necho 'unbound variable: file-read*' >&2\nexit 65\n")
        with pytest.raises(KindUnavailable, match=r"does not start behind the profile \(unbound"):
            choose("seatbelt")

    @pytest.mark.anyio
    async def test_it_warns_once_in_one_line(self, kernels: None) -> None:
        async with KernelPool(kind="seatbelt") as pool:
            with pytest.warns(WeakIsolationWarning) as given:
                pool.claim()
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                pool.claim()  # no second one
        (warning,) = given
        assert warning.filename == __file__
        assert "memory and disk not bounded" in str(warning.message)
        assert "\n" not in str(warning.message)

    @pytest.mark.parametrize(
        "limits",
        [Limits(memory="1GiB"), Limits(disk="1GiB"), Limits(processes=9), Limits(cpus=1)],
    )
    def test_bounds_that_it_cannot_hold_are_refused(self, kernels: None, limits: Limits) -> None:
        with pytest.raises(LimitUnavailable, match="'seatbelt' cannot bound"):
            KernelPool(kind="seatbelt", limits=limits)
        assert small("seatbelt") == Limits()


def choose_or_none(name: str) -> str | None:
    try:
        return choose(name)
    except KindUnavailable:
        return None


@ON_LINUX
def test_a_mac_is_attacked_by_what_macs_have(mac: Path) -> None:
    names = {a.__name__ for promise in attacks.INSIDE for a in attacks.on_this_system(promise)}
    assert names >= {"other_programs", "services_of_the_system", "home_folder", "tcp"}
    assert names.isdisjoint({"capabilities", "namespaces", "terminal_input"})
    compile(attacks.text(), "attacks", "exec")


@ON_LINUX
def test_a_framework_s_library_and_application_are_shown(mac: Path, tmp_path: Path) -> None:
    """And a Python below /usr/local, which is shown by nobody else there."""
    from glm_sandbox.isolation import interpreter as module

    root = tmp_path / "Python.framework" / "Versions" / "3.12"
    for name in ("bin", "lib", "Resources", "project"):
        (root / name).mkdir(parents=True)
    (root / "Python").touch()
    found = module.needs(str(root / "bin" / "python3"), str(root), str(root), [])
    assert found.paths == tuple(str(root / n) for n in ("Python", "Resources", "bin", "lib"))
    below_usr = module.needs("/usr/bin/python3", "/usr", "/usr", [])
    assert "/usr/lib" in below_usr.paths


@pytest.mark.anyio
@pytest.mark.usefixtures("kernels")
@pytest.mark.filterwarnings("ignore::glm_sandbox.WeakIsolationWarning")
class TestKernels:
    async def test_run_with_files_in_a_folder_of_their_own(self) -> None:
        async with KernelPool(kind="seatbelt") as pool, pool.kernel() as kernel:
            await kernel.put("数据/in.txt", b"data")
            code = "x = open('数据/in.txt').read(); open('out.txt', 'w').write(x * 2)\nimport os; print(os.getcwd() == os.environ['HOME'], os.getcwd().endswith('/work'))"
            result = await kernel.execute(code)
            assert (result.status, result.text, result.files) == ("ok", "True True", ("out.txt",))
            result = await kernel.execute("import os; os._exit(3)")
            assert (result.status, result.detail) == ("died", "the kernel ended: exit status 3")
            result = await kernel.execute("open('out.txt').read(), 'x' in globals()")
            assert (result.text, result.state_lost) == ("('datadata', False)", True)
            home = await kernel.execute("import os; print(os.environ['HOME'])")
            private = Path(home.text).parent
            assert private.is_dir()
        assert not private.exists()

    async def test_have_limits_that_they_cannot_lift(self) -> None:
        names = ["RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_CORE", "RLIMIT_CPU"]
        async with KernelPool(kind="seatbelt") as pool, pool.kernel() as kernel:
            code = f"import resource\n[resource.getrlimit(getattr(resource, n)) for n in {names}]"
            bounds = Limits().bounds()
            asked = [bounds.open_files, bounds.disk, 0, kind.CPU_SECONDS]
            mine = [resource.getrlimit(getattr(resource, name))[1] for name in names]
            least = [
                a if m == resource.RLIM_INFINITY else min(a, m)
                for a, m in zip(asked, mine, strict=True)
            ]
            assert (await kernel.execute(code)).text == repr([(n, n) for n in least])

    async def test_know_nothing_of_our_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SERVICE_API_KEY", "s3cret")
        monkeypatch.setenv("DYLD_INSERT_LIBRARIES", "")
        async with KernelPool(kind="seatbelt") as pool, pool.kernel() as kernel:
            text = (await kernel.execute("import os; print(sorted(os.environ))")).text
            assert "'HOME'" in text
            assert "SERVICE_API_KEY" not in text
            assert "DYLD" not in text

    async def test_work_on_a_copy_of_a_folder_of_ones_own(self, tmp_path: Path) -> None:
        given = tmp_path / "my 数据"
        (given / ".git" / "hooks").mkdir(parents=True)
        (given / "in.csv").write_text("1,2\n")
        async with KernelPool(kind="seatbelt") as pool, pool.kernel(given) as kernel:
            code = "import os\nopen('out.csv', 'w').write(open('in.csv').read())\nos.remove('in.csv')\nopen('.git/hooks/pre-commit', 'w').write('x')\nos.symlink('/etc/passwd', 'link')"
            assert (await kernel.execute(code)).files == ("out.csv",)
            await kernel.put("more.csv", b"3\n")
        assert sorted(p.name for p in given.iterdir()) == [".git", "more.csv", "out.csv"]
        assert list((given / ".git" / "hooks").iterdir()) == []

    async def test_a_folder_must_fit(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(results, "DEFAULT_BOUNDS", replace(results.DEFAULT_BOUNDS, disk=9_000))
        (tmp_path / "given").mkdir()
        (tmp_path / "given" / "huge").write_bytes(bytes(9_001))
        async with KernelPool(kind="seatbelt").kernel(tmp_path / "given") as kernel:
            with pytest.raises(KernelStartError, match="does not fit into"):
                await kernel.start()

    async def test_are_run_by_sandbox_exec(self, program: Path) -> None:
        program.write_text(
            "#!/bin/sh\necho 'sandbox_apply: Operation not permitted' >&2\nexit 71\n"
        )
        async with KernelPool(kind="seatbelt").kernel() as kernel:
            with pytest.raises(KernelStartError, match="Operation not permitted"):
                await kernel.execute("1")
