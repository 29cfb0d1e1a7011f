"""What each search service answers, in the shape that its documentation records."""

from __future__ import annotations

from typing import Any

SEARXNG: dict[str, Any] = {
    "query": "tower",
    "number_of_results": 0,
    "results": [
        {
            "url": "https://a.example/tower",
            "title": "The tower",
            "content": "Built in 1887 &amp; painted.",
            "engine": "one",
            "engines": ["one", "two"],
            "score": 2.0,
            "publishedDate": "2024-05-06T00:00:00",
        },
        {"url": "https://a.example/tower/#top", "title": "The tower", "content": "Again"},
        {"url": "https://b.example/", "title": "B", "content": "", "publishedDate": None},
    ],
    "answers": [],
    "suggestions": [],
    "unresponsive_engines": [["three", "timeout"]],
}
BRAVE: dict[str, Any] = {
    "type": "search",
    "query": {"original": "tower"},
    "web": {
        "type": "search",
        "results": [
            {
                "title": "The tower",
                "url": "https://a.example/tower",
                "description": "Built in <strong>1887</strong> &amp; painted.",
                "page_age": "2024-05-06T10:00:00",
                "age": "May 6, 2024",
                "extra_snippets": ["…"],
            },
            {"title": "<b>B</b>", "url": "https://b.example/"},
        ],
    },
}
TAVILY: dict[str, Any] = {
    "query": "tower",
    "results": [
        {
            "title": "The tower",
            "url": "https://a.example/tower",
            "content": "Built in 1887 & painted.",
            "score": 0.9,
            "raw_content": None,
            "published_date": "Mon, 06 May 2024 10:00:00 GMT",
        },
        {"title": "B", "url": "https://b.example/", "content": "", "score": 0.1},
    ],
    "response_time": 1.1,
}
EXA: dict[str, Any] = {
    "requestId": "1",
    "results": [
        {
            "id": "https://a.example/tower",
            "title": "The tower",
            "url": "https://a.example/tower",
            "publishedDate": "2024-05-06T00:00:00.000Z",
            "author": "",
            "highlights": ["Built in 1887 & painted."],
            "highlightScores": [0.5],
        },
        {"id": "2", "title": None, "url": "https://b.example/", "text": ""},
    ],
}
SERPER: dict[str, Any] = {
    "searchParameters": {"q": "tower"},
    "organic": [
        {
            "title": "The tower",
            "link": "https://a.example/tower",
            "snippet": "Built in 1887 & painted.",
            "date": "May 6, 2024",
            "position": 1,
        },
        {"title": "B", "link": "https://b.example/", "position": 2},
    ],
    "credits": 1,
}
ZHIPU: dict[str, Any] = {
    "id": "1",
    "created": 1,
    "search_intent": [{"query": "tower", "intent": "SEARCH_ALL", "keywords": "tower"}],
    "search_result": [
        {
            "title": "The tower",
            "link": "https://a.example/tower",
            "content": "Built in 1887 & painted.",
            "media": "A",
            "icon": "",
            "publish_date": "2024年5月6日",
            "refer": "ref_1",
        },
        {"title": "B", "link": "https://b.example/", "content": ""},
    ],
}
