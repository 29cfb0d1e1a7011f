"""`glm-agent sandbox check`: what it refuses, and how it shows what it found."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator

import pytest
from click.testing import CliRunner
from glm_sandbox import promises
from glm_sandbox.commands import sandbox
from glm_sandbox.promises import NETWORK, Finding


def test_a_kind_that_there_is_not_is_one_line_and_exit_code_2() -> None:
    done = CliRunner().invoke(sandbox, ["check", "--kind", "nonsense"])
    assert done.exit_code == 2
    assert done.stderr.startswith("error: there is no kind of kernel 'nonsense'")
    assert done.stderr.count("\n") == 1


@pytest.fixture
def only_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real attacks on the network, and none of the others, to be done in seconds."""
    real = promises.check

    def check(kind: str) -> AsyncGenerator[Finding]:
        return real(kind, [NETWORK])

    monkeypatch.setattr(promises, "check", check)


@pytest.mark.usefixtures("only_the_network")
class TestWithoutIsolation:
    def test_the_table_says_what_was_reached(self) -> None:
        done = CliRunner().invoke(sandbox, ["check", "--kind", "local"])
        assert done.exit_code == 1
        assert "local: no network" in done.stdout
        line = next(line for line in done.stdout.splitlines() if " udp " in line)
        assert line.split()[0] == "BROKEN"
        assert done.stdout.splitlines()[-1].endswith("broken, 1 not run")

    def test_as_json_each_attack_is_a_line(self) -> None:
        done = CliRunner().invoke(sandbox, ["check", "--kind", "local", "--json"])
        findings = [Finding(**json.loads(line)) for line in done.stdout.splitlines()]
        assert {finding.promise for finding in findings} == {NETWORK}
        by_name = {finding.name: finding for finding in findings}
        assert by_name["udp"].held is False
        assert by_name["names"].held is None
