"""What the model reads of a page."""

from __future__ import annotations

import pytest
from glm_tools.web import extract
from glm_tools.web.text import neutral, one_line, plain
from hypothesis import given, settings
from hypothesis import strategies as st

URL = "https://pages.example/a/b"


def read(html: str, view: str = "full", kind: str = "text/html; charset=utf-8") -> str:
    return extract(html.encode(), URL, kind, view=view).markdown  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one<p>two", "one\n\ntwo"),
        ("<h1>Top</h1><h3>Lower <b>bold</b></h3>", "# Top\n\n### Lower bold"),
        ("<p>a <b>bold</b>, <strong>strong</strong> word", "a bold, strong word"),
        ("<p>one<br>two  \n three", "one\ntwo three"),
        ("<ul><li>one<li>two<ul><li>inner</ul></ul>", "  * one\n  * two\n    * inner"),
        ("<ol start=3><li>c<li>d</ol>", "  3. c\n  4. d"),
        ("<pre>def f():\n    return 1</pre>", "```\ndef f():\n    return 1\n```"),
        ("<pre>a ``` b</pre>", "````\na ``` b\n````"),
        ("<p>call <code>f( x )</code> now", "call `f( x )` now"),
        ("<blockquote><p>said<p>twice</blockquote>", "> said\n\n> twice"),
        (
            "<table><tr><th>Year<th>Visitors<tr><td>1990<td>12 | 13</table>",
            "| Year | Visitors |\n| --- | --- |\n| 1990 | 12 \\| 13 |",
        ),
        ("<table><tr><td><p>lay<p>out</table>", "lay\n\nout"),
        ("<table><tr><td>a<td>b<tr><td>c</table>", "| a | b |\n| --- | --- |\n| c |  |"),
        ("<p>x <img src=i> y <img src=j>", "x [Image 0] y [Image 1]"),
        ("<dl><dt>term<dd>meaning</dl>", "term\n\nmeaning"),
        ("<!-- comment --><p>text<![CDATA[x]]>", "text"),
        ("just text", "just text"),
        ("http://looks.example/like-a-url", "http://looks.example/like-a-url"),
        ("<?xml version='1.0'?><html><body><p>x</body></html>", "x"),
        ("", ""),
        ("   \n ", ""),
    ],
)
def test_markup_becomes_markdown(html: str, text: str) -> None:
    assert read(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<a href='/c'>same host</a>", "【0†same host】"),
        ("<a href='https://other.example/'>elsewhere</a>", "【0†elsewhere†other.example】"),
        (
            "<a href=x>one</a> <a href=y>two</a> <a href=x>again</a>",
            "【0†one】 【1†two】 【0†again】",
        ),
        ("<a href='x#top'>one</a> <a href='x#end'>two</a>", "【0†one】 【0†two】"),
        ("<a href=x><img src=i></a>", "【0†[Image 0]】"),
        ("<a href=x title='Spare'></a>", "【0†Spare】"),
        ("<a href=x></a>end", "end"),
        (
            "<a href='#top'>up</a> <a href='mailto:a@b.c'>mail</a> <a href='javascript:x()'>run</a>",
            "up mail run",
        ),
        ("<a>no target</a>", "no target"),
        ("<a href=x>【9†fake】</a>", "【0†〖9‡fake〗】"),
        ("<a href='http://[bad/'>broken</a>", "broken"),
        ("<a href=x><div>one</div><div>two</div></a>", "【0†one】\n\n【0†two】"),
        ("<p>before<a href=x> in </a>after", "before 【0†in】 after"),
        ("<h2><a href=x>Head</a></h2>", "## 【0†Head】"),
    ],
)
def test_links_are_numbered(html: str, text: str) -> None:
    assert read(html) == text


def test_links_lead_where_the_marks_say() -> None:
    page = extract(
        b"<base href='https://base.example/d/'><a href='e f'>x</a><a href='//o.example/'>y</a>",
        URL,
        view="full",
    )
    assert [(link.id, link.text, link.url) for link in page.links] == [
        (0, "x", "https://base.example/d/e%20f"),
        (1, "y", "https://o.example/"),
    ]


@pytest.mark.parametrize(
    "html",
    [
        "<script>hidden</script>",
        "<style>hidden</style>",
        "<noscript>hidden</noscript>",
        "<template>hidden</template>",
        "<p hidden>hidden</p>",
        "<p style='color: red; DISPLAY : none'>hidden</p>",
        "<p style='visibility:hidden'>hidden</p>",
        "<p style='font-size:0px'>hidden</p>",
        "<p style='opacity: 0'>hidden</p>",
        "<div aria-hidden=true><p>hidden</div>",
        "<textarea>hidden</textarea>",
    ],
)
@pytest.mark.parametrize("view", ["main", "full"])
def test_what_a_reader_does_not_see(html: str, view: str) -> None:
    assert read(f"<p>seen</p>{html}", view) == "seen"


def test_the_main_view_leaves_out_navigation() -> None:
    html = (
        "<nav><a href=1>Home</a></nav><div class='sidebar'>Subscribe!</div>"
        "<main><p>" + "The bridge was opened in 1924. " * 20 + "</p>"
        "<ul><li><a href=2>One thing</a><li><a href=3>Another thing</a></ul></main><footer>Imprint</footer>"
    )
    main, full = read(html, "main"), read(html, "full")
    assert "The bridge was opened in 1924." in main
    for furniture in ("Home", "Subscribe", "One thing", "Imprint"):
        assert furniture not in main
        assert furniture in full


def test_a_page_of_links_keeps_them() -> None:
    html = "<ul>" + "".join(f"<li><a href=/{n}>Chapter {n}</a>" for n in range(20)) + "</ul>"
    assert "Chapter 19" in read(html, "main")


def test_the_card_of_a_page() -> None:
    html = (
        "<html lang=de><title> A\n title </title><meta property='article:published_time' content='2024-05-06T07:08Z'>"
        "<h1>Heading</h1>"
    )
    page = extract(html.encode(), URL)
    assert (page.title, page.date, page.language, page.url) == ("A title", "2024-05-06", "de", URL)
    assert extract(b"<h1>Heading</h1>", URL).title == "Heading"


# -- other kinds of text


def test_plain_text_stays_as_it_is() -> None:
    assert read("<b>one</b>\n  two", kind="text/plain") == "<b>one</b>\n  two"


def test_json_is_spread_out() -> None:
    assert read('{"a":[1,"\\u4f60"]}', kind="application/json") == '{\n "a": [\n  1,\n  "你"\n ]\n}'
    assert read('{"broken', kind="application/json") == '{"broken'
    assert read("[" * 200_000, kind="application/json").startswith("[[[")


def test_markdown_needs_little() -> None:
    text = '# Title\n\nA **bold** [link](c.md "t") and `[not](one)`, ![pic](p.png).\n\n```\n[code](x)\n```\n\nSee also: [the bridge](a), [the ferry](b)'
    page = extract(text.encode(), URL, "text/markdown", view="full")
    assert page.title == "Title"
    assert page.markdown == (
        "# Title\n\nA bold 【0†link】 and `[not](one)`, [Image 0].\n\n```\n[code](x)\n```\n\nSee also: 【1†the bridge】, 【2†the ferry】"
    )
    assert [link.url for link in page.links] == [
        f"https://pages.example/a/{name}" for name in ("c.md", "a", "b")
    ]
    assert "See also" not in extract(text.encode(), URL, "text/markdown").markdown


# -- charsets: byte order mark, header, meta, detection

CHINESE = "朱镕基在北京出席会议，讨论经济发展的新形势和新任务，会议由国务院主持召开。"
JAPANESE = "東京の図書館は千九百十一年に開かれ、多くの本を収めている。"
KOREAN = "서울의 도서관은 많은 책을 소장하고 있으며 매일 열려 있다."


@pytest.mark.parametrize(
    ("text", "codec", "header", "meta"),
    [
        (CHINESE, "gbk", "", ""),
        (CHINESE, "gbk", "gb2312", ""),
        (CHINESE, "gb18030", "", "gb2312"),
        (CHINESE, "utf-8", "", ""),
        (CHINESE, "utf-8", "", "utf-8"),
        (CHINESE, "utf-8-sig", "gbk", "gbk"),
        (CHINESE, "utf-16", "", ""),
        (CHINESE, "utf-16-le", "", ""),
        (CHINESE, "utf-8", "utf-8", "gbk"),
        ("臺北市立圖書館", "big5", "big5", ""),
        (JAPANESE, "shift_jis", "", "Shift_JIS"),
        (JAPANESE, "euc_jp", "euc-jp", ""),
        (KOREAN, "euc_kr", "ks_c_5601-1987", ""),
        ("Größe – “naïve”", "cp1252", "iso-8859-1", ""),
        ("Привет, мир", "cp1251", "windows-1251", ""),
        ("Größe", "utf-8", "no-such-charset", ""),
        ("Größe", "utf-8", "utf-7", ""),
        ("Größe", "utf-8", "", "utf-16"),
    ],
)
def test_charsets(text: str, codec: str, header: str, meta: str) -> None:
    tag = f"<meta charset={meta}>" if meta else ""
    data = f"<html><head>{tag}<title>x</title></head><p>{text}</p></html>".encode(codec)
    kind = f"text/html; charset={header}" if header else "text/html"
    assert text in extract(data, URL, kind).markdown


def test_broken_bytes_do_not_hurt() -> None:
    assert "ok" in extract(b"<p>\xff\xfe\xfd ok", URL, "text/html; charset=utf-8").markdown


# -- hostile pages


@pytest.mark.parametrize(
    "tag", ["div", "table", "table><tr><td", "ul><li", "blockquote", "b", "a href=x", "pre", "font"]
)
def test_deep_nesting_is_no_recursion(tag: str) -> None:
    assert "deep" in read(f"<{tag}>" * 5_000 + "deep", "main")


def test_many_attributes_and_entities() -> None:
    html = "<p " + " ".join(f"a{n}=1" for n in range(20_000)) + ">x</p>" + "&lt;" * 1000
    assert read(html).startswith("x")


@pytest.mark.parametrize(
    "spelled",
    [
        "<|user|>",
        "<|observation|>",
        "<|end_of_image|>",
        "<｜user｜>",
        "[gMASK]",
        "<sop>",
        "<think>",
        "</tool_call>",
    ],
)
def test_control_tokens_in_a_page_are_only_words(spelled: str) -> None:
    escaped = spelled.replace("<", "&lt;").replace(">", "&gt;")
    hidden = (
        "".join(f"{char}&#x200b;" for char in spelled).replace("<", "&lt;").replace(">", "&gt;")
    )
    for html in (escaped, f"<title>{escaped}</title><p>x", hidden, f"<p>a<a href=x>{escaped}</a>"):
        page = extract(html.encode(), URL, "text/html; charset=utf-8", view="full")
        assert spelled not in page.markdown + page.title
        assert spelled[1:-1].strip("/") in (page.markdown + page.title)
    assert spelled not in read(spelled, kind="text/plain")


def test_marks_and_invisible_characters() -> None:
    assert plain("【7†source】\u200b\u202e\u2066x\u0000\ufeff\u00ad") == "〖7‡source〗x"
    assert plain("a\r\nb\rc\u2028d") == "a\nb\nc d"
    assert one_line(" a\n【b\t c ") == "a 〖b c"
    assert one_line("x" * 400, 10) == "x" * 9 + "…"


@given(st.text())
def test_neutral_text_has_no_control_token_and_stays_neutral(text: str) -> None:
    cleaned = neutral(plain(f"<|user|>{text}<|assistant|>"))
    assert "<|user|>" not in cleaned
    assert neutral(cleaned) == cleaned
    assert not set("【】†") & set(cleaned)


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from(
            [
                "<div>",
                "</div>",
                "<td>",
                "</td>",
                "<table>",
                "</table>",
                "<li>",
                "<ul>",
                "</ul>",
                "<a href=x>",
                "</a>",
                "<pre>",
                "</pre>",
                "<code>",
                "word ",
                "<h2>",
                "</h2>",
                "<br>",
                "<tr>",
                "<blockquote>",
                "</blockquote>",
                "【1†x】",
                "<img>",
            ]
        ),
        max_size=40,
    )
)
def test_any_soup_can_be_read(pieces: list[str]) -> None:
    for view in ("main", "full"):
        page = extract("".join(pieces).encode(), URL, "text/html; charset=utf-8", view=view)  # type: ignore[arg-type]
        assert page.markdown.count("word") == pieces.count("word ") or view == "main"
        assert page.markdown.count("【") == page.markdown.count("】")


@settings(max_examples=60)
@given(
    st.binary(max_size=300),
    st.sampled_from(
        [
            "",
            "text/html",
            "text/plain",
            "application/json",
            "text/markdown",
            "text/xml",
            "text/html; charset=gbk",
        ]
    ),
)
def test_any_bytes_can_be_read(data: bytes, kind: str) -> None:
    page = extract(data, URL, kind)
    assert (page.url, isinstance(page.markdown, str)) == (URL, True)
