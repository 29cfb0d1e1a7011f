"""What the model may write as an action, and what it is told when it writes something else."""

from __future__ import annotations

import pytest
from glm_tools.simple_browser.actions import (
    MAX_ACTIONS,
    Action,
    Back,
    Broken,
    Click,
    Find,
    Open,
    Scroll,
    Search,
    parse_actions,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st


def one(text: str) -> Action:
    (action,) = parse_actions(text)
    return action


@pytest.mark.parametrize(
    ("line", "query", "days"),
    [
        ('search("GLM-4")', "GLM-4", -1),
        ("search('GLM-4')", "GLM-4", -1),
        ('search("GLM-4", 7)', "GLM-4", 7),
        ('search("GLM-4", recency_days=7)', "GLM-4", 7),
        ('search(recency_days=7, query="GLM-4")', "GLM-4", 7),
        ('search("GLM-4", recency_days="30")', "GLM-4", 30),
        ('search("GLM-4", recency_days=None)', "GLM-4", -1),
        ('search("GLM-4", recency_days=-5)', "GLM-4", -1),
        ('search("GLM-4", recency_days=7.0)', "GLM-4", 7),
        ('search("GLM-4", recency_days=1e999)', "GLM-4", 100_000),
        # The published browser cuts these at the comma or the bracket.
        ('search("apple, news")', "apple, news", -1),
        ('search("f(x) = y", 3)', "f(x) = y", 3),
        ('search("[draft] 3, 4")', "[draft] 3, 4", -1),
        # It fails on these: zai-org/GLM-4#50.
        ('search("GLM-4-9B") <|observation|>', "GLM-4-9B", -1),
        ('search("GLM-4-9B")<｜observation｜>', "GLM-4-9B", -1),
        ('<|assistant|> search("GLM-4-9B")', "GLM-4-9B", -1),
        ('  search( "GLM-4" )  ', "GLM-4", -1),
        ("search(“苹果，新闻”)", "苹果，新闻", -1),
        ("search（“苹果，新闻”，recency_days＝7）", "苹果，新闻", 7),
        ("search(‘新闻’, 7)", "新闻", 7),
        ("search(「東京の天気」)", "東京の天気", -1),
        ("search(『東京』)", "東京", -1),
        ("search(《红楼梦》)", "红楼梦", -1),
        ("search(＂天气＂)", "天气", -1),
        ('search("“北京”的天气")', "“北京”的天气", -1),
        ('search(“天气")', "天气", -1),
        ("search('What's new, today')", "What's new, today", -1),
        ('search("the "best" one")', 'the "best" one', -1),
        (r'search("the \"best\" one")', 'the "best" one', -1),
        (r'search("caf\u00e9 \ud83d\ude00 C:\dir")', "café 😀 C:\\dir", -1),
        ('search("""the "best" one""")', 'the "best" one', -1),
        ('search("two\\nlines")', "two lines", -1),
        ('search("two\nlines")', "two lines", -1),
        ('browser.search("x")', "x", -1),
        ('simple_browser.search(q="x")', "x", -1),
        ('I will look: search("x") and see', "x", -1),
        ('- search("x")', "x", -1),
        ('`search("x")`', "x", -1),
        ('search("x")。', "x", -1),
        ('search("x")  # first', "x", -1),
        ('search("<|user|> in a query")', "<|user|> in a query", -1),
    ],
)
def test_search(line: str, query: str, days: int) -> None:
    action = one(line)
    assert isinstance(action, Search)
    assert (action.query, action.recency_days) == (query, days)


@pytest.mark.parametrize(
    ("line", "ids"),
    [
        ("mclick([0, 1, 5])", (0, 1, 5)),
        ("mclick([3])", (3,)),
        ("mclick(3)", (3,)),
        ("mclick(1, 2, 3)", (1, 2, 3)),
        ("mclick((1, 2))", (1, 2)),
        ("mclick(ids=[1, 2])", (1, 2)),
        ("mclick(id=2)", (2,)),
        ('mclick(["1", "2"])', (1, 2)),
        ("mclick([2, 2, 1, 2])", (2, 1)),
        ("mclick([0,1,])", (0, 1)),
        ("mclick（［0，1］）", (0, 1)),
        ("mclick(【0，1】)", (0, 1)),
        ("mclick([0、1])", (0, 1)),
        ("mclick([\n  0,\n  1\n])", (0, 1)),
        ("mclick([-1])", (-1,)),  # refused later, like any id that is not on the page
        ("mclick([0, 1]) <|observation|>", (0, 1)),
    ],
)
def test_mclick(line: str, ids: tuple[int, ...]) -> None:
    action = one(line)
    assert isinstance(action, Click)
    assert action.ids == ids


@pytest.mark.parametrize(
    ("line", "url"),
    [
        (
            'open_url("https://en.wikipedia.org/wiki/Rust_(language)")',
            "https://en.wikipedia.org/wiki/Rust_(language)",
        ),
        ('open_url("https://a.example/?q=a,b&c=[1]#x")', "https://a.example/?q=a,b&c=[1]#x"),
        ("open_url(url='https://a.example/')", "https://a.example/"),
        ('open_url(" https://a.example/ ")', "https://a.example/"),
        ("open_url(“https://a.example/页”)", "https://a.example/页"),
    ],
)
def test_open_url(line: str, url: str) -> None:
    action = one(line)
    assert isinstance(action, Open)
    assert action.url == url


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("scroll(1)", Scroll("scroll(1)")),
        ("scroll()", Scroll("scroll()")),
        ("scroll(-2)", Scroll("scroll(-2)", -2)),
        ("scroll('up')", Scroll("scroll('up')", -1)),
        ('scroll("down")', Scroll('scroll("down")', 1)),
        ("scroll(1, id=7)", Scroll("scroll(1, id=7)", 1, 7)),
        ("scroll(99999)", Scroll("scroll(99999)", 1000)),
        ("find('apple, news')", Find("find('apple, news')", "apple, news")),
        ("find(“苹果”, 8)", Find("find(“苹果”, 8)", "苹果", 8)),
        ("find(pattern='x', id=7)", Find("find(pattern='x', id=7)", "x", 7)),
        ("back()", Back("back()")),
        ("browser.back() <|observation|>", Back("browser.back()")),
    ],
)
def test_reading_on(line: str, action: Action) -> None:
    assert one(line) == action


def test_words_of_a_sentence_are_no_actions() -> None:
    text = 'I go back (again) and find (as told) with search("x")'
    assert [type(action) for action in parse_actions(text)] == [Search]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "no action"),
        ("  \n\t\n", "no action"),
        ("<|observation|>", "no action"),
        ("```\n```", "no action"),
        ("hello there", "not an action"),
        ("search", "not an action"),
        ("jump(3)", "no action 'jump'"),
        ("scroll(0)", "by parts"),
        ("scroll('sideways')", "by parts"),
        ("scroll(1.5)", "by parts"),
        ("scroll(1, 2, 3)", "too many"),
        ("scroll(1, id='x')", "number of a quote"),
        ("find()", "in quotes"),
        ("find('')", "empty"),
        ("find(7)", "in quotes"),
        ("find('" + "x" * 1001 + "')", "longer than 1000"),
        ("back(1)", "too many"),
        ("back (again)", "no action 'back'"),
        ("__import__('os').system('true')", "no action '__import__'"),
        ("search(apple)", "in quotes"),
        ("search(apple news)", "cannot be read"),
        ("search()", "in quotes"),
        ("search(7)", "in quotes"),
        ('search("")', "empty"),
        ('search("  ")', "empty"),
        ('search("x", "y")', "number of days"),
        ('search("x", True)', "number of days"),
        ('search("x", 1, 2)', "too many"),
        ('search("x", page=2)', "no argument 'page'"),
        ('search("x", query="y")', "no argument 'query'"),
        ('search(f"{1+1}")', "in quotes"),
        ("search(open('x').read())", "in quotes"),
        ("search([c for c in 'x'])", "in quotes"),
        ('search("cut', "quote is never closed"),
        ('search("cut"', "bracket is never closed"),
        ('search("' + "x" * 1001 + '")', "longer than 1000"),
        ('search("' + "x" * 5000 + '")', "longer than 4000"),
        ("mclick([0, 1", "bracket is never closed"),
        ("mclick()", "no ids"),
        ("mclick([])", "no ids"),
        ("mclick([0.5])", "whole numbers"),
        ("mclick([True])", "whole numbers"),
        ("mclick([[1]])", "whole numbers"),
        ("mclick(['a'])", "whole numbers"),
        ("mclick([9**9])", "in quotes"),
        ("mclick([" + "9" * 3000 + "])", "whole numbers"),
        ("mclick([0x" + "f" * 3900 + "])", "whole numbers"),
        ("mclick(" + "[" * 3900, "never closed"),
        ("mclick(" + "(" * 1900 + ")" * 1901, ""),
        ("mclick([" + "-" * 3900 + "1])", ""),
        (f"mclick({list(range(11))})", "more than 10"),
        ("open_url(https://a.example/)", "cannot be read"),
        ("open_url('')", "in quotes"),
        ("open_url(3)", "in quotes"),
        ("open_url('a', 'b')", "too many"),
    ],
)
def test_what_is_no_action_is_explained(line: str, reason: str) -> None:
    action = one(line)
    assert isinstance(action, Broken)
    assert reason in action.reason


def test_one_action_a_line() -> None:
    text = '```python\nsearch("a")\n\nmclick([0])\njump(1)\nsimple_browser\nopen_url("https://a.example")\n```\n<|observation|>'
    assert [type(action) for action in parse_actions(text)] == [Search, Click, Broken, Open]


def test_several_actions_on_one_line() -> None:
    assert [type(action) for action in parse_actions('search("a"); mclick([0])')] == [Search, Click]


def test_a_cut_line_does_not_take_the_next_one() -> None:
    broken, whole = parse_actions('search("cut\nsearch("whole")')
    assert isinstance(broken, Broken)
    assert whole == Search('search("whole")', "whole")


def test_the_line_is_kept_for_the_error_message() -> None:
    assert one(" jump(3) <|observation|>").line == "jump(3)"
    assert len(one("x" * 5000).line) == 201


def test_a_flood_of_actions_is_cut() -> None:
    actions = parse_actions('search("a")\n' * 1000)
    assert len(actions) == MAX_ACTIONS + 1
    assert isinstance(actions[-1], Broken)
    assert "first 20" in actions[-1].reason


PIECES = st.sampled_from(
    [
        "search",
        "mclick",
        "open_url",
        "(",
        ")",
        "[",
        "]",
        '"',
        "'",
        "“",
        "”",
        "「",
        ",",
        "，",
        "=",
        "\\",
        "\n",
        " ",
        "0",
        "-1",
        "x",
        "query",
        "recency_days",
        "<|observation|>",
        "`",
        "#",
        "{",
        "}",
        "*",
        "\0",
        "\ud800",
        "é",
        "。",
    ]
)


@settings(max_examples=300)
@given(
    st.one_of(
        st.text(),
        st.lists(PIECES, max_size=30).map("".join),
        st.lists(PIECES, max_size=20).map(lambda parts: "search(" + "".join(parts)),
    )
)
@example("search('\\")
@example('search("\\ud800")')
@example("mclick([0or 1])")
def test_any_text_is_read_without_an_exception(text: str) -> None:
    actions = parse_actions(text)
    assert actions
    for action in actions:
        if isinstance(action, Search):
            assert action.query == action.query.strip() != ""
        if isinstance(action, Click):
            assert action.ids
        if isinstance(action, Broken):
            assert action.reason


@settings(max_examples=200)
@given(
    st.text(
        alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]),
        min_size=1,
        max_size=80,
    ),
    st.integers(1, 5000),
)
def test_what_python_quotes_is_what_is_searched(query: str, days: int) -> None:
    if not query.strip():
        return
    assert one(f"search({query!r}, recency_days={days})") == Search(
        one(f"search({query!r}, recency_days={days})").line, " ".join(query.split()), days
    )
