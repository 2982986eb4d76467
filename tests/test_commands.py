"""How commands end: with a status, also where they are interrupted or not read."""

import subprocess
import sys

import pytest

from conftest import ROOT
from epidl import commands


def test_the_status_is_the_process_s():
    with pytest.raises(SystemExit) as ended:
        commands.end(lambda: 3)
    assert ended.value.code == 3


def test_an_interrupt_is_said_in_a_word(capsys):
    def main() -> int:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        commands.end(main)
    assert ended.value.code == 1
    assert capsys.readouterr().err == "Stopped.\n"


def test_nothing_is_said_where_nobody_reads():
    program = "from epidl import commands; commands.end(lambda: print('line\\n' * 100_000) or 0)"
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", program], **pipe) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_every_command_of_the_library_ends_so():
    code = [*(ROOT / "lib" / "epidl").rglob("*.py"), *(ROOT / "book" / "epidl_book").rglob("*.py")]
    modules = [path for path in code if "if __name__ ==" in path.read_text()]
    assert len(modules) > 8
    for module in modules:
        assert module.read_text().endswith(
            'if __name__ == "__main__":\n    commands.end(main)\n'
        ), module
