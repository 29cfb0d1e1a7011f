"""Search over a folder: questions find the page that answers them, in English and Chinese."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path

import pytest
from glm_tools.simple_browser.browser import DEMO_PAGES, DEMO_URL
from glm_tools.web import DocumentIndex, SearchProvider
from hypothesis import given, settings
from hypothesis import strategies as st

from glm_agent.errors import ConfigurationError


@pytest.fixture(scope="module")
def demo() -> DocumentIndex:
    return DocumentIndex(DEMO_PAGES, DEMO_URL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pages = {
        "bridge.md": "---\ntitle: The Bridge\nurl: https://town.example/bridge\ndate: 2026-01-05\n---\nThe bridge is long.\n",
        "old.txt": "The bridge was once made of wood.",
        "deep/museum.html": "<title>Museum</title><script>bridge bridge</script><p>The museum is <b>closed</b> on Monday.",
        "undated.md": "# A heading\n\nThe ferry leaves from the bridge.",
        ".hidden/secret.md": "bridge",
        "picture.png": "bridge",
        "桂花.md": "桂花在九月开放。",
    }
    for name, text in pages.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("question", "title", "snippet"),
    [
        (
            "When was the Halden Lighthouse completed?",
            "Halden Lighthouse",
            "The Halden Lighthouse was completed in 1887.",
        ),
        (
            "How tall is the Halden Lighthouse?",
            "Halden Lighthouse",
            "The Halden Lighthouse is 42 metres tall.",
        ),
        (
            "who designed the karsten bridge",
            "Karsten Bridge",
            "The Karsten Bridge was designed by Marta Karsten.",
        ),
        (
            "When did the Karsten Bridge open?",
            "Karsten Bridge",
            "The Karsten Bridge was opened in 1924.",
        ),
        (
            "Lind Fog Bell inventor",
            "Lind Fog Bell",
            "The Lind Fog Bell was invented by Oskar Lind.",
        ),
        (
            "How many inhabitants does Pell Island have?",
            "Pell Island",
            "Pell Island has 312 inhabitants.",
        ),
        ("What do silver otters eat?", "Silver Otter", ""),
        ("望海灯塔有多高？", "望海灯塔", "望海灯塔高38米。"),
        ("云溪桥是什么时候建成的", "云溪桥", "云溪桥建成于1573年。"),
        ("谁设计了云溪桥？", "云溪桥", "云溪桥由工匠沈明川设计。"),
        ("桂花节的传统食物", "桂花节", "桂花节的传统食物是桂花糕。"),
    ],
)
def test_a_question_finds_the_page_that_answers_it(
    demo: DocumentIndex, question: str, title: str, snippet: str
) -> None:
    hit = demo.search(question)[0]
    assert hit.title == title
    assert not snippet or hit.snippet == snippet


def test_every_demo_page_is_found_by_its_title(demo: DocumentIndex) -> None:
    for page in sorted(DEMO_PAGES.glob("*.md")):
        title = page.read_text(encoding="utf-8").split("title: ")[1].split("\n")[0]
        assert demo.search(f"Tell me about {title}")[0].title == title


def test_every_link_between_demo_pages_leads_to_one(demo: DocumentIndex) -> None:
    pages = [demo.read(f"{DEMO_URL}/{path.stem}", "full") for path in DEMO_PAGES.glob("*.md")]
    assert len(pages) == 28
    for page in pages:
        assert page is not None
        assert page.links
        assert all(demo.read(link.url) is not None for link in page.links)


def test_the_same_question_has_the_same_answer(demo: DocumentIndex) -> None:
    again = DocumentIndex(DEMO_PAGES, DEMO_URL)
    assert demo.search("bridge over the river", count=10) == again.search(
        "bridge over the river", count=10
    )


@pytest.mark.parametrize(
    "query",
    [
        '"',
        'a" OR "b',
        "bridge*",
        "title:bridge",
        "NEAR(a b)",
        "AND OR NOT",
        "-bridge",
        "(((",
        "bridge; DROP TABLE pages",
        "^x",
        "{a b}: c",
        "'",
        "\0",
        "𝔘nicode",
        "?",
        "🌉",
    ],
)
def test_a_query_is_never_syntax(demo: DocumentIndex, query: str) -> None:
    assert isinstance(demo.search(query), list)


@settings(max_examples=100)
@given(st.text(max_size=60))
def test_any_query_can_be_asked(demo: DocumentIndex, query: str) -> None:
    assert all(hit.title and hit.url for hit in demo.search(query))


def test_nothing_fits(demo: DocumentIndex) -> None:
    assert demo.search("xylophone quarks") == []
    assert demo.search("bridge", count=0) == []


def test_a_question_of_stop_words_alone_is_still_asked(tmp_path: Path) -> None:
    (tmp_path / "who.md").write_text("The Who is a band.")
    assert [hit.url for hit in DocumentIndex(tmp_path).search("who")] == [
        "https://pages.glm-agent.example/who"
    ]


def test_documents_of_a_folder(folder: Path) -> None:
    index = DocumentIndex(folder, "https://base.example/")
    hits = {hit.title: hit for hit in index.search("bridge", count=10)}
    assert set(hits) == {"The Bridge", "old", "A heading"}
    assert hits["The Bridge"].url == "https://town.example/bridge"
    assert hits["The Bridge"].date == "2026-01-05"
    assert hits["old"].url == "https://base.example/old"
    assert index.search("museum closed")[0].snippet == "The museum is closed on Monday."
    assert index.search("桂花什么时候开放")[0].title == "桂花"


def test_a_url_may_be_spelled_in_several_ways(folder: Path) -> None:
    index = DocumentIndex(folder, "https://base.example/")
    for url in (
        "https://town.example/bridge",
        "http://TOWN.example/bridge/",
        "https://town.example/bridge.md#top",
    ):
        page = index.read(url)
        assert page is not None
        assert (page.title, page.url, page.markdown) == (
            "The Bridge",
            "https://town.example/bridge",
            "The bridge is long.",
        )
    assert index.read("https://base.example/%E6%A1%82%E8%8A%B1") == index.read(
        "https://base.example/桂花"
    )
    assert index.read("https://base.example/none") is None
    assert index.read("https://town.example/other") is None


def test_what_is_served_from_the_folder(folder: Path) -> None:
    index = DocumentIndex(folder, "https://base.example/")
    assert index.owns("https://base.example/none")
    assert index.owns("https://town.example/bridge")
    assert not index.owns("https://town.example/other")
    assert not index.owns("http://[broken")
    contents = index.read("https://base.example/")
    assert contents is not None
    assert [link.text for link in contents.links] == [
        "The Bridge",
        "Museum",
        "old",
        "A heading",
        "桂花",
    ]


def test_only_what_is_known_to_be_old_is_left_out(folder: Path) -> None:
    index = DocumentIndex(folder, today=lambda: date(2026, 1, 20))
    assert "The Bridge" in {hit.title for hit in index.search("bridge", recency_days=30)}
    recent = {hit.title for hit in index.search("bridge", recency_days=7)}
    assert recent == {"old", "A heading"}  # undated pages stay


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not a folder"):
        DocumentIndex(tmp_path / "none")


def test_an_empty_folder(tmp_path: Path) -> None:
    index = DocumentIndex(tmp_path)
    assert index.search("anything") == []
    assert index.read("https://pages.glm-agent.example/") is not None


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.md"
    outside.write_text("secret bridge")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.md").symlink_to(outside)
    assert DocumentIndex(inside).search("bridge") == []


def test_it_can_be_closed_and_used_again(folder: Path) -> None:
    index = DocumentIndex(folder)
    before = index.search("bridge")
    index.close()
    index.close()
    assert index.search("bridge") == before
    index.close()


def test_many_threads_share_one_index(folder: Path) -> None:
    index = DocumentIndex(folder)
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(len(index.search("bridge")))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [3] * 8


def test_it_is_a_search_provider(demo: DocumentIndex) -> None:
    assert isinstance(demo, SearchProvider)
