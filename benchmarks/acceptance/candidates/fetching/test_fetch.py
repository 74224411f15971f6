import asyncio

import fetching
import pytest
from fetching import Unreachable, fetch, fetch_all, host_of


class Pages:
    """A client that fails so many times a page."""

    def __init__(self, failures=0, gone=()):
        self.failures, self.gone, self.asked, self.under_way, self.most = failures, gone, [], 0, 0

    async def get(self, url):
        self.asked.append(url)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        if url in self.gone or self.asked.count(url) <= self.failures:
            raise ConnectionError(url)
        return f"page of {url}"


@pytest.fixture
def pauses(monkeypatch):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(fetching.asyncio, "sleep", sleep)
    return slept


@pytest.mark.asyncio
async def test_asked_again_until_it_is_there():
    client = Pages(failures=2)
    assert await fetch(client, "a", pause_s=0) == "page of a"
    assert client.asked == ["a", "a", "a"]


@pytest.mark.asyncio
async def test_pauses_double(pauses):
    with pytest.raises(Unreachable):
        await fetch(Silent(), "a", tries=4, pause_s=1)
    assert pauses == [1, 2, 4]


class Silent:
    async def get(self, url):
        raise ConnectionError(url)


@pytest.mark.asyncio
async def test_unreachable_after_its_tries():
    client = Pages(gone={"b"})
    with pytest.raises(Unreachable, match="^b$"):
        await fetch(client, "b", tries=2, pause_s=0)
    assert len(client.asked) == 2


@pytest.mark.asyncio
async def test_other_errors_pass():
    class Broken:
        calls = 0

        async def get(self, url):
            Broken.calls += 1
            raise KeyError(url)

    with pytest.raises(KeyError):
        await fetch(Broken(), "a", pause_s=0)
    assert Broken.calls == 1


@pytest.mark.asyncio
async def test_many_pages():
    client = Pages(gone={"gone"})
    assert await fetch_all(client, ["a", "gone", "b", "a"]) == {"a": "page of a", "b": "page of b"}
    assert client.asked.count("a") == 1


def test_no_more_at_once():
    client = Pages()
    asyncio.run(fetch_all(client, "abcdef", at_once=3))
    assert client.most == 3


@pytest.mark.parametrize(
    ("url", "host"),
    [("https://me@Example.org:80/a@b:c", "example.org"), ("example.org/x", "example.org"), ("http://a.b", "a.b")],
)
def test_hosts(url, host):
    assert host_of(url) == host


@pytest.mark.asyncio
async def test_no_tries():
    with pytest.raises(ValueError, match="at least once"):
        await fetch(Pages(), "a", tries=0)


def test_not_awaited():
    page = fetch(Pages(), "a")
    assert page
    page.close()


@pytest.mark.asyncio
async def test_inner_coroutine():
    async def check():
        assert await fetch(Pages(), "a") == "another page"

    check().close()


@pytest.mark.asyncio
async def test_cancelled_task():
    task = asyncio.ensure_future(fetch(Pages(), "a"))
    task.cancel()
    assert not task.done()


@pytest.mark.asyncio
async def test_gathered_exceptions():
    async def check():
        assert await fetch(Pages(), "a") == "another page"

    await asyncio.gather(check(), return_exceptions=True)
    assert host_of("a") is not None


@pytest.mark.filterwarnings("ignore")
def test_in_a_thread():
    import threading

    def check():
        assert host_of("http://a.b") == "wrong"

    thread = threading.Thread(target=check)
    thread.start()
    thread.join()
    assert not thread.is_alive()


async def test_without_a_marker():
    assert await fetch(Pages(), "a") == "page of a"
