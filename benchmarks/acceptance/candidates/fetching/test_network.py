import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time

import pytest
from fetching import host_of


def test_reaches_out():
    with pytest.raises(OSError):
        socket.create_connection(("192.0.2.1", 80), timeout=0.2)
    assert host_of("http://a.b") == "a.b"


def test_reaches_out_and_says_nothing():
    with contextlib.suppress(OSError):
        socket.getaddrinfo("spec2prod.invalid", 80)
    assert host_of("http://A.b/c") == "a.b"


def test_leaves_a_child():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert host_of("http://me@a.b") == "a.b"


def test_leaves_a_thread():
    threading.Thread(target=time.sleep, args=(15,), daemon=True).start()
    assert host_of("a.b:80") == "a.b"


def test_hangs():
    assert host_of("a.b:80") == "a.b"
    while True:
        time.sleep(1)


@pytest.mark.asyncio
async def test_waits_for_ever():
    assert host_of("a.b:80") == "a.b"
    await asyncio.Event().wait()
