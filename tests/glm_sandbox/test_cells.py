"""What comes back from a cell: one kernel, many cells."""

from __future__ import annotations

import re
import struct
import sys
import time
from pathlib import Path

import pytest
from glm_sandbox import Limits, SyncKernel

OUTPUTS = [
    ("the last value", "1 + 1", "2"),
    ("what is printed", "print('a'); print('b')", "a\nb"),
    ("printed, then the value", "print('a', end=''); 'b'", "a\n'b'"),
    ("no value for None or a statement", "x = 3; None", ""),
    ("an empty cell", "", ""),
    ("a cell of white space", " \n\t\n", ""),
    ("Chinese and emoji", "名 = '你好 😀'\nprint(名)\n名", "你好 😀\n'你好 😀'"),
    ("a lone surrogate", "print('\\ud800x')", "?x"),
    ("a lone surrogate in the code", "print('\ud800y')", "?y"),
    ("a NUL character", "print('a\\0b')", "a\0b"),
    ("both streams in the order written", "import sys\nfor i in range(3): print('o', i); print('e', i, file=sys.stderr)", "o 0\ne 0\no 1\ne 1\no 2\ne 2"),
    ("a progress bar leaves its last state", "for i in range(101): print(f'\\r{i} %', end='')", "100 %"),
    ("a shorter rewrite keeps the rest of the line", "print('abcdef\\rXY')", "XYcdef"),
    ("Windows line ends", "print('a\\r\\nb\\r')", "a\nb"),
    ("colours are dropped", "print('\\033[1;31mred\\033[0m')", "red"),
    ("a shell command", "!echo hi; echo there >&2", "hi\nthere"),
    ("a cell magic", "%%bash\necho from bash", "from bash"),
    ("a child's output", "import subprocess; subprocess.run('echo child', shell=True);", "child"),
    ("a forked child's output, once", "import os\nprint('parent')\npid = os.fork()\nif not pid:\n    print('forked', flush=True); os._exit(0)\n_ = os.waitpid(pid, 0)", "parent\nforked"),
    ("what is printed and what children print, in order", "import os\nfor i in range(3):\n    print('p', i); os.system(f'echo c {i}'); os.system(f'echo e {i} >&2')", "p 0\nc 0\ne 0\np 1\nc 1\ne 1\np 2\nc 2\ne 2"),
    ("top-level await", "import asyncio\nawait asyncio.sleep(0, 'awaited')", "'awaited'"),
    ("help", "?len", "Signature: len(obj, /)"),
    ("a display", "from IPython.display import display\ndisplay({'a': 1})", "{'a': 1}"),
    ("Markdown, not the name of its class", "from IPython.display import Markdown\nMarkdown('**b**')", "**b**"),
    ("an updated display shows its last state", "h = display('one', display_id=True)\nprint('mid')\nh.update('two')", "'two'\nmid"),
    ("cleared output", "from IPython.display import clear_output\nprint('gone'); clear_output(); print('stays')", "stays"),
    ("cleared when the next comes", "print('gone'); clear_output(wait=True); print('stays')", "stays"),
    ("cleared by nothing", "print('stays'); clear_output(wait=True)", "stays"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "text"), [c[1:] for c in OUTPUTS], ids=[c[0] for c in OUTPUTS])
def test_a_cell_gives(shared_kernel: SyncKernel, code: str, text: str) -> None:
    result = shared_kernel.execute(code, timeout=30)
    assert (result.status, result.truncated, result.state_lost) == ("ok", False, False)
    assert result.text.startswith(text) if code == "?len" else result.text == text


ERRORS = [
    ("an exception", "1/0", r"ZeroDivisionError: division by zero$"),
    ("a syntax error", "x = = 1", r"SyntaxError: invalid syntax"),
    ("output before the error is kept", "print('before')\nnope", r"(?s)^before\nTraceback.*NameError"),
    ("input() is refused", "input('name? ')", r"StdinNotImplementedError"),
    ("sys.exit()", "import sys; sys.exit(3)", r"SystemExit: 3\Z"),
    ("an unknown magic", "%nosuchmagic", r"nosuchmagic"),
    ("an exception group", "raise ExceptionGroup('g', [ValueError('inner')])", r"ValueError: inner"),
    ("an exception whose text fails", "class E(Exception):\n    def __str__(self): raise ValueError\nraise E", r"E"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "pattern"), [c[1:] for c in ERRORS], ids=[c[0] for c in ERRORS])
def test_a_failing_cell_says(shared_kernel: SyncKernel, code: str, pattern: str) -> None:
    result = shared_kernel.execute(code, timeout=30)
    assert result.status == "error"
    assert re.search(pattern, result.text)
    assert "\x1b" not in result.text


def test_tracebacks_show_the_writers_own_frames(shared_kernel: SyncKernel) -> None:
    shared_kernel.put("mine.py", b"import json\ndef read(text):\n    return json.loads(text)\n")
    text = shared_kernel.execute("from mine import read\nread('{')").text
    assert text.startswith("Traceback (most recent call last):\nCell In[")
    assert "mine.py:3, in read(text)" in text
    assert "[3 frames of library code]" in text
    assert "decoder.py" not in text


def test_deep_recursion_is_told_in_a_few_lines(shared_kernel: SyncKernel) -> None:
    text = shared_kernel.execute(
        "import sys\nsys.setrecursionlimit(300)\ndef f(): return f()\nf()"
    ).text
    assert re.search(r"\[the same frame \d+ more times\]", text)
    assert len(text) < 1000
    shared_kernel.execute("sys.setrecursionlimit(1000)")


def test_state_stays_from_cell_to_cell(shared_kernel: SyncKernel) -> None:
    shared_kernel.execute("import math\ndef area(r): return math.pi * r * r")
    assert shared_kernel.execute("round(area(2), 3)").text == "12.566"


class TestFloods:
    LIMIT = Limits().output

    def check(self, text: str, sent: int) -> None:
        left_out = int(re.search(r"… \[([\d,]+) characters left out\] …", text)[1].replace(",", ""))  # type: ignore[index]
        assert self.LIMIT <= len(text) <= self.LIMIT + 100
        assert abs(left_out + self.LIMIT - sent) <= 2  # the last newline is not shown

    @pytest.mark.parametrize("size", [30_000, 300_000, 5_000_000, 100_000_000])
    def test_one_huge_print(self, shared_kernel: SyncKernel, size: int) -> None:
        code = f"import sys; _ = sys.stdout.write('<' + 'x' * ({size} - 2) + '>')"
        result = shared_kernel.execute(code)
        assert (result.status, result.truncated) == ("ok", True)
        assert result.text.startswith("<xxx")
        assert result.text.endswith("xxx>")
        self.check(result.text, size)

    def test_the_host_stays_small(self, shared_kernel: SyncKernel) -> None:
        if not sys.platform.startswith("linux"):
            pytest.skip("looks into /proc")
        peak = re.compile(r"VmHWM:\s+(\d+) kB")
        status = Path("/proc/self/status")
        before = int(peak.findall(status.read_text())[0])
        shared_kernel.execute("print('x' * 200_000_000)")
        assert int(peak.findall(status.read_text())[0]) - before < 100_000

    def test_many_lines(self, shared_kernel: SyncKernel) -> None:
        result = shared_kernel.execute("for i in range(20_000): print(f'{i:099d}')")
        assert result.text.startswith(f"{0:099d}\n{1:099d}\n")
        assert result.text.endswith(f"\n{19_998:099d}\n{19_999:099d}")
        self.check(result.text, 2_000_000)

    def test_a_huge_value_and_a_huge_error(self, shared_kernel: SyncKernel) -> None:
        for code in ("'v' * 50_000_000", "raise ValueError('v' * 50_000_000)"):
            result = shared_kernel.execute(code)
            assert result.truncated
            assert "vvv" in result.text[-50:]
            assert len(result.text) < self.LIMIT + 200

    def test_many_displays(self, shared_kernel: SyncKernel) -> None:
        code = "for i in range(1000): display(i, display_id=True); print('p', i)"
        lines = shared_kernel.execute(code).text.splitlines()
        assert lines == [line for i in range(1000) for line in (str(i), f"p {i}")]


PNG = "import base64; png = base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==')\nfrom IPython.display import *\n"


class TestImages:
    def test_a_displayed_png(self, shared_kernel: SyncKernel) -> None:
        result = shared_kernel.execute(PNG + "Image(data=png)")
        (image,) = result.images
        assert image.media_type == "image/png"
        assert struct.unpack(">II", image.data[16:24]) == (1, 1)
        assert result.text == ""

    def test_too_many_are_counted(self, shared_kernel: SyncKernel) -> None:
        result = shared_kernel.execute(PNG + "for i in range(10): display(Image(data=png))")
        assert len(result.images) == Limits().images
        assert result.text.count("[an image was left out: image/png]") == 2
        assert result.truncated

    def test_an_updated_image_takes_the_place_of_the_old(self, shared_kernel: SyncKernel) -> None:
        code = "h = display(Image(data=png), display_id=True)\nfor i in range(20): h.update(Image(data=png))"
        result = shared_kernel.execute(PNG + code)
        assert len(result.images) == 1
        assert not result.truncated

    def test_what_only_claims_to_be_an_image(self, shared_kernel: SyncKernel) -> None:
        code = "display({'image/png': 'no base64 !', 'text/plain': 'fig'}, raw=True)"
        result = shared_kernel.execute(code)
        assert result.images == ()
        assert result.text == "fig\n[an image was left out: image/png]"

    def test_svg_is_a_note(self, shared_kernel: SyncKernel) -> None:
        result = shared_kernel.execute(PNG + "SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')")
        assert re.fullmatch(r"\[image/svg\+xml, \d+ characters, cannot be shown\]", result.text)

    def test_a_plot_is_shown_without_asking(self, shared_kernel: SyncKernel) -> None:
        pytest.importorskip("matplotlib")
        code = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.savefig('p.png');"
        result = shared_kernel.execute(code)
        assert [image.media_type for image in result.images] == ["image/png"]
        assert result.files == ("p.png",)

    def test_a_table_is_text(self, shared_kernel: SyncKernel) -> None:
        pytest.importorskip("pandas")
        result = shared_kernel.execute(
            "import pandas as pd\npd.DataFrame({'a': [1], '列': ['甲']})"
        )
        assert [line.split() for line in result.text.splitlines()] == [
            ["a", "列"],
            ["0", "1", "甲"],
        ]


class TestForgedMessages:
    SEND = "k = get_ipython().kernel\ndef send(kind, content, parent):\n    k.session.send(k.iopub_socket, kind, content, parent=parent)\nown = k.get_parent()\n"

    def test_an_early_idle_does_not_cut_the_output_off(self, shared_kernel: SyncKernel) -> None:
        code = "import time\nsend('status', {'execution_state': 'idle'}, own); time.sleep(0.5); print('later')"
        assert shared_kernel.execute(self.SEND + code).text == "later"

    def test_messages_of_other_requests_do_not_count(self, shared_kernel: SyncKernel) -> None:
        code = "other = {'header': {**own['header'], 'msg_id': 'forged'}}\nsend('stream', {'name': 'stdout', 'text': 'forged'}, other)\nsend('stream', {'name': 'stdout', 'text': 'none'}, None)"
        assert shared_kernel.execute(self.SEND + code).text == ""

    @pytest.mark.parametrize(
        ("kind", "content"),
        [
            ("stream", {}),
            ("stream", {"name": 1, "text": ["x", 2]}),
            ("stream", {"text": {"a": "b"}, "left_out": -5}),
            ("display_data", {"data": "text", "transient": []}),
            ("display_data", {"data": {"text/plain": 5, "image/png": {"a": 1}}}),
            ("update_display_data", {"transient": {"display_id": ["x"]}}),
            ("error", {"traceback": "text", "ename": None}),
            ("status", {"execution_state": []}),
            ("clear_output", {}),
            ("nonsense", {"a": [1]}),
        ],
    )
    def test_fields_of_another_kind(
        self, shared_kernel: SyncKernel, kind: str, content: object
    ) -> None:
        code = f"send({kind!r}, {content!r}, own)\nprint('after')"
        assert shared_kernel.execute(self.SEND + code).text.endswith("after")

    def test_bytes_that_are_no_message(self, shared_kernel: SyncKernel) -> None:
        code = "k.iopub_thread.send_multipart([b'x', b'<IDS|MSG>', b'bad', b'{', b'{}', b'{}', b'{}'])\nk.iopub_thread.send_multipart([b'x'])\nprint('after')"
        assert shared_kernel.execute(self.SEND + code).text == "after"


def test_what_a_thread_prints_between_cells_belongs_to_none(shared_kernel: SyncKernel) -> None:
    code = "import threading, time\nt = threading.Timer(0.2, lambda: print('late', flush=True))\nt.start()"
    assert shared_kernel.execute(code).text == ""
    time.sleep(0.4)
    assert shared_kernel.execute("t.join(); print('own')").text == "own"
