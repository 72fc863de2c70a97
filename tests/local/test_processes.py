"""Children that are waited for, stopped and explained."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from managed_agents_local.processes import NotReady, Process


@pytest.fixture
def start(tmp_path):
    started = []

    def python(code: str, **options) -> Process:
        process = Process.start("child", [sys.executable, "-uc", code], log=tmp_path / "child.log", **options)
        started.append(process)
        return process

    yield python
    for process in started:
        process.kill()


def gone(pid: int, seconds: float = 10) -> bool:
    """Whether a process that is not ours to wait for has ended, or does so soon."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_it_is_ready_when_it_says_so(start):
    process = start("import time; print('listening on 8080'); time.sleep(60)")
    assert process.wait_for_line(r"listening on (\d+)")[1] == "8080"
    assert process.running


def test_one_that_ends_early_is_explained_by_its_last_words(start):
    process = start("import sys; print('port taken', file=sys.stderr); sys.exit(3)")
    with pytest.raises(NotReady, match=r"child: ended with 3 before line 'ready'(?s:.*)port taken"):
        process.wait_for_line("ready")


def test_the_last_words_of_one_that_ended_count(start):
    process = start("print('done')")
    process.wait()
    assert process.wait_for_line("done")


def test_one_that_never_gets_ready_is_explained_too(start):
    process = start("import time; print('thinking'); time.sleep(60)")
    process.wait_for_line("thinking")
    with pytest.raises(NotReady, match=r"no answer within 0.1 s(?s:.*)thinking"):
        process.wait_until(lambda: None, "answer", timeout=0.1)


def test_stop_is_a_term_first(start):
    process = start(
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); print('on'); time.sleep(60)"
    )
    process.wait_for_line("on")
    assert process.stop() == 7
    assert process.stop() == 7


def test_one_that_ignores_term_is_killed(start):
    process = start("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on'); time.sleep(60)")
    process.wait_for_line("on")
    assert process.stop(timeout=0.2) == -signal.SIGKILL


def test_ctrl_c_at_the_terminal_does_not_reach_it(start):
    process = start("import time; time.sleep(60)")
    assert os.getpgid(process.pid) != os.getpgid(0)


def test_the_environment_is_the_given_one(start):
    process = start("import os; print(sorted(k for k in os.environ if k.startswith('X_')))", env={"X_A": "1"})
    process.wait()
    assert process.text() == "['X_A']\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_it_does_not_outlive_a_killed_parent(tmp_path):
    code = """
import sys, time
from pathlib import Path
from managed_agents_local.processes import Process
print(Process.start("child", ["sleep", "60"], log=Path(sys.argv[1])).pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    assert not gone(child, seconds=0.2)
    parent.kill()
    parent.communicate()
    assert gone(child)


@pytest.mark.parametrize("moment", ["before", "after_in_parent"])
def test_ctrl_c_while_it_is_started_is_heard_and_leaves_nothing(tmp_path, moment, left_running):
    """Python itself would drop one that comes while it forks."""
    code = f"""
import os, signal, sys
from pathlib import Path
from managed_agents_local.processes import Process
os.register_at_fork({moment}=lambda: os.kill(os.getpid(), signal.SIGINT))
try:
    Process.start("child", ["sleep", "60"], log=Path(sys.argv[1]))
except KeyboardInterrupt:
    print("heard")
    sys.stdin.read()
"""
    log = str(tmp_path / "log")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, log], text=True, **pipes) as parent:
        assert parent.stdout.readline() == "heard\n"
        assert [line for line in left_running(tmp_path) if line.startswith("sleep")] == []


def test_a_child_hears_ctrl_c_as_its_parent_does(start):
    process = start("import signal; print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])))")
    process.wait()
    assert process.text() == "[]\n"
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
