"""Python turns: arithmetic and simple questions about data, each with one line of code.

The observation is what that line really evaluates to. Does not do: running code in a kernel.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date
from typing import Any

from .functions import polish
from .pools import Pools
from .turns import Turn

Made = tuple[list[str], str]
_SCOPE = {"date": date, "__builtins__": __builtins__}


def _n(rng: random.Random, big: int = 4) -> str:
    digits = rng.choice((1, 2, 2, 3, 3, big))
    value = str(rng.randint(10 ** (digits - 1), 10**digits - 1))
    if rng.random() < 0.12:
        value += "." + str(rng.randint(1, 99))
    return value


def _i(rng: random.Random, low: int, high: int) -> str:
    return str(rng.randint(low, high))


def _list(rng: random.Random) -> tuple[str, str]:
    items = [_i(rng, 1, 10 ** rng.randint(1, 3)) for _ in range(rng.randint(3, 6))]
    spoken = rng.choice(
        [
            ", ".join(items),
            ", ".join(items[:-1]) + " and " + items[-1],
            "[" + ", ".join(items) + "]",
        ]
    )
    return spoken, "[" + ", ".join(items) + "]"


def templates(p: Pools) -> list[Callable[[], Made]]:
    """All the kinds of question. Of each list of wordings, the last one is held out of training."""
    r = p.rng

    def two(op: str, words: list[str]) -> Callable[[], Made]:
        def make() -> Made:
            a, b = _n(r), _n(r)
            return [w.format(a=a, b=b) for w in words], f"{a} {op} {b}"

        return make

    def on_list(code: str, words: list[str]) -> Callable[[], Made]:
        def make() -> Made:
            spoken, items = _list(r)
            return [w.format(x=spoken) for w in words], code.format(x=items)

        return make

    def on_word(code: str, words: list[str]) -> Callable[[], Made]:
        def make() -> Made:
            word = p.invented() if r.random() < 0.4 else p.pick("word")
            quote = r.choice(["'{}'", '"{}"', "{}", "{}", "the word {}"])
            return [w.format(w=quote.format(word)) for w in words], code.format(w=f'"{word}"')

        return make

    def percent() -> Made:
        a, b = _i(r, 1, 99), _n(r)
        return [
            f"What is {a}% of {b}?",
            f"{a} percent of {b}",
            f"Calculate {a}% of {b}",
            f"How much is {a} % of {b}?",
            f"Work out {a} percent of {b} for me.",
        ], f"{b} * {a} / 100"

    def chain() -> Made:
        a, b, c = _n(r, 3), _n(r, 3), _n(r, 3)
        o1, o2 = r.choice(["+", "-", "*"]), r.choice(["+", "-", "*", "/"])
        e = r.choice(
            [f"({a} {o1} {b}) {o2} {c}", f"{a} {o1} {b} {o2} {c}", f"{a} {o1} ({b} {o2} {c})"]
        )
        return [
            f"What is {e}?",
            f"Compute {e}",
            f"{e}",
            f"Calculate {e} please",
            f"{e} = ?",
            f"Evaluate {e}.",
            f"How much is {e}?",
        ], e

    def square_root() -> Made:
        a = _n(r)
        return [
            f"What is the square root of {a}?",
            f"Square root of {a}",
            f"sqrt({a})",
            f"Find the square root of {a}.",
            f"Tell me the square root of {a}",
        ], f"{a} ** 0.5"

    def power() -> Made:
        a, b = _i(r, 2, 30), _i(r, 2, 9)
        return [
            f"What is {a} to the power of {b}?",
            f"{a}^{b}",
            f"Raise {a} to the power {b}",
            f"{a} ** {b}",
            f"Compute {a} to the {b}th power",
            f"Calculate {a} raised to the power of {b}.",
        ], f"{a} ** {b}"

    def square() -> Made:
        a = _n(r, 3)
        return [
            f"What is {a} squared?",
            f"{a} squared",
            f"The square of {a}",
            f"Square {a}",
            f"Compute the square of {a}.",
        ], f"{a} ** 2"

    def rest() -> Made:
        a, b = _n(r).split(".")[0], _i(r, 2, 40)
        return [
            f"What is the remainder of {a} divided by {b}?",
            f"{a} mod {b}",
            f"Remainder when {a} is divided by {b}",
            f"{a} modulo {b}",
            f"What remains when dividing {a} by {b}?",
        ], f"{a} % {b}"

    def total() -> Made:
        a = _i(r, 10, 5000)
        return [
            f"What is the sum of the numbers from 1 to {a}?",
            f"Add all numbers from 1 to {a}",
            f"Sum of 1 to {a}",
            f"Sum the integers from 1 to {a}.",
            f"What do the numbers from 1 to {a} add up to?",
        ], f"sum(range(1, {a} + 1))"

    def prime() -> Made:
        a = _i(r, 3, 400)
        return [
            f"Is {a} a prime number?",
            f"Is {a} prime?",
            f"Check whether {a} is prime",
            f"Tell me if {a} is a prime.",
            f"Would you say {a} is prime?",
        ], f"all({a} % n for n in range(2, {a}))"

    def factorial() -> Made:
        a = _i(r, 3, 20)
        return [
            f"What is the factorial of {a}?",
            f"{a}!",
            f"Factorial of {a}",
            f"Compute {a} factorial",
            f"Work out the factorial of {a}.",
        ], f"__import__('math').factorial({a})"

    def days() -> Made:
        a, b = sorted((p.pick("date"), p.pick("date")))
        return (
            [
                f"How many days are there between {a} and {b}?",
                f"Days between {a} and {b}",
                f"Number of days from {a} to {b}",
                f"How many days is it from {a} until {b}?",
                f"Count the days from {a} to {b}.",
            ],
            f"(__import__('datetime').date.fromisoformat(\"{b}\") - __import__('datetime').date.fromisoformat(\"{a}\")).days",
        )

    def letter() -> Made:
        word = p.pick("word") if r.random() < 0.6 else p.invented()
        c = r.choice(word.replace(" ", ""))
        return [
            f"How many times does the letter {c} occur in {word}?",
            f"How many {c}'s are in {word}?",
            f"Count the letter {c} in '{word}'",
            f"How often does {c} appear in the word {word}?",
            f'How many letters {c} does "{word}" have?',
        ], f'"{word}".count("{c}")'

    def buying() -> Made:
        a, b = _i(r, 2, 40), _n(r, 2)
        thing, who = p.pick("product"), p.pick("first_name")
        return [
            f"If I buy {a} {thing}s at {b} dollars each, how much do I pay?",
            f"{a} {thing}s cost {b} each. What is the total?",
            f"{who} sells {a} {thing}s for {b} euros each. How much money is that?",
            f"What do {a} {thing}s cost at {b} dollars apiece?",
            f"How much are {a} {thing}s if one costs {b}?",
        ], f"{a} * {b}"

    def leaving() -> Made:
        a, b = sorted((int(_i(r, 1, 500)), int(_i(r, 1, 500))), reverse=True)
        thing, who = p.pick("product"), p.pick("first_name")
        return [
            f"{who} has {a} {thing}s and gives away {b}. How many are left?",
            f"I have {a} dollars and spend {b}. How much is left?",
            f"There were {a} {thing}s and {b} were sold. How many remain?",
            f"{who} had {a} {thing}s and lost {b}. How many does {who} still have?",
            f"From {a} {thing}s I took {b}. How many are still there?",
        ], f"{a} - {b}"

    def sharing() -> Made:
        a, b = _n(r), _i(r, 2, 20)
        who = p.pick("first_name")
        return [
            f"Split {a} dollars among {b} people. How much does each get?",
            f"If {a} is shared equally by {b} friends, how much does each get?",
            f"{who} divides {a} equally among {b} children. How many does each get?",
            f"How much does each of {b} people pay for a bill of {a}?",
            f"Share {a} between {b} people.",
        ], f"{a} / {b}"

    def fahrenheit() -> Made:
        a = _i(r, -20, 120)
        return [
            f"Convert {a} degrees celsius to fahrenheit",
            f"What is {a} C in fahrenheit?",
            f"{a} celsius in fahrenheit",
            f"How many degrees fahrenheit are {a} degrees celsius?",
            f"Turn {a} degrees celsius into fahrenheit.",
        ], f"{a} * 9 / 5 + 32"

    def rounding() -> Made:
        a, b = f"{_i(r, 0, 99)}.{p.digits(4, 6)}", _i(r, 1, 3)
        return [
            f"Round {a} to {b} decimal places",
            f"What is {a} rounded to {b} decimals?",
            f"Round {a} to {b} digits after the point",
            f"{a} rounded to {b} places",
            f"Please round {a} to {b} decimals.",
        ], f"round({a}, {b})"

    def hours() -> Made:
        a = _i(r, 1, 90)
        u, v, k = r.choice(
            [
                ("hours", "minutes", 60),
                ("minutes", "seconds", 60),
                ("days", "hours", 24),
                ("weeks", "days", 7),
                ("hours", "seconds", 3600),
                ("kilometers", "meters", 1000),
                ("dozen", "pieces", 12),
            ]
        )
        return [
            f"How many {v} are in {a} {u}?",
            f"Convert {a} {u} to {v}",
            f"{a} {u} in {v}",
            f"{a} {u} is how many {v}?",
            f"Tell me how many {v} {a} {u} are.",
        ], f"{a} * {k}"

    def code() -> Made:
        made = r.choice(all_but_code)()
        return [
            f"Run this code: {made[1]}",
            f"Execute {made[1]}",
            f"Evaluate {made[1]} in Python",
            f"What does {made[1]} return?",
            f"Run {made[1]}",
        ], made[1]

    plus = two(
        "+",
        [
            "What is {a} plus {b}?",
            "{a} + {b}",
            "What is {a} + {b}?",
            "Add {a} and {b}",
            "What's the sum of {a} and {b}?",
            "Calculate {a} + {b}",
            "{a} plus {b} please",
            "How much is {a} plus {b}?",
        ],
    )
    minus = two(
        "-",
        [
            "What is {a} minus {b}?",
            "{a} - {b}",
            "What is {a} - {b}?",
            "Calculate {a} - {b}",
            "Subtract from {a} the number {b}",
            "How much is {a} minus {b}?",
            "Take {b} away from {a}",
        ],
    )
    times = two(
        "*",
        [
            "What is {a} times {b}?",
            "{a} * {b}",
            "What is {a} * {b}?",
            "Multiply {a} by {b}",
            "What is {a} x {b}?",
            "Calculate {a} * {b}",
            "What is the product of {a} and {b}?",
            "{a} multiplied by {b}",
            "How much is {a} times {b}?",
        ],
    )
    over = two(
        "/",
        [
            "What is {a} divided by {b}?",
            "{a} / {b}",
            "What is {a} / {b}?",
            "Divide {a} by {b}",
            "Calculate {a} / {b}",
            "{a} over {b}",
            "How much is {a} divided by {b}?",
        ],
    )
    all_but_code = [
        plus, minus, times, over, plus, minus, times, times, over, percent, chain, chain, square_root, power, square, rest, total, prime, factorial, days, letter, buying, leaving, sharing, fahrenheit, rounding, hours,
        on_list("sum({x})", ["What is the sum of {x}?", "Add up {x}", "Sum {x}", "What do {x} add up to?", "Total of {x}?"]),
        on_list("sum({x}) / len({x})", ["What is the average of {x}?", "Average of {x}", "Find the mean of {x}", "Compute the mean of {x}", "What's the mean value of {x}?"]),
        on_list("max({x})", ["What is the largest of {x}?", "Find the maximum of {x}", "Which number is the biggest: {x}?", "Max of {x}", "Largest number in {x}?"]),
        on_list("min({x})", ["What is the smallest of {x}?", "Find the minimum of {x}", "Which number is the smallest: {x}?", "Min of {x}", "Smallest number in {x}?"]),
        on_list("sorted({x})", ["Sort {x}", "Sort the numbers {x}", "Put {x} in order", "Arrange {x} in ascending order", "Order the numbers {x}."]),
        on_list("sorted({x}, reverse=True)", ["Sort {x} from largest to smallest", "Sort {x} in descending order", "Arrange {x} from high to low", "Order {x} descending"]),
        on_list("len({x})", ["How many numbers are in {x}?", "Count the items in {x}", "How long is the list {x}?", "Number of items in {x}?"]),
        on_list("__import__('statistics').median({x})", ["What is the median of {x}?", "Median of {x}", "Find the median of {x}", "Compute the median of {x}."]),
        on_list("[n ** 2 for n in {x}]", ["Square each of {x}", "What are the squares of {x}?", "Square every number in {x}", "Give me the squares of {x}."]),
        on_list("[n * 2 for n in {x}]", ["Double each of {x}", "Double every number in {x}", "Multiply each of {x} by two", "Give me {x}, each doubled."]),
        on_list("[n for n in {x} if n % 2 == 0]", ["Which of {x} are even?", "Find the even numbers in {x}", "Keep only the even numbers of {x}", "List the even ones among {x}."]),
        on_list("max({x}) - min({x})", ["What is the range of {x}?", "Difference between the largest and smallest of {x}", "Range of {x}", "Find the range of {x}."]),
        on_word("len({w})", ["How many letters are in {w}?", "How long is {w}?", "Count the characters in {w}", "What is the length of {w}?", "Number of letters in {w}?"]),
        on_word("{w}[::-1]", ["Reverse {w}", "Write {w} backwards", "Spell {w} backwards", "What is {w} in reverse?", "What is {w} reversed?"]),
        on_word("{w}.upper()", ["Write {w} in capital letters", "Convert {w} to upper case", "Make {w} uppercase", "Put {w} in capitals."]),
        on_word("sorted({w})", ["Sort the letters of {w}", "Sort the letters in {w} alphabetically", "Put the letters of {w} in order", "Order the letters of {w}."]),
        on_word("{w} == {w}[::-1]", ["Is {w} a palindrome?", "Check if {w} is a palindrome", "Does {w} read the same backwards?", "Tell me whether {w} is a palindrome."]),
    ]  # fmt: skip
    return [*all_but_code, code]


def turn(pools: Pools, train: bool) -> Turn:
    """A question, one line of Python, its real value, and the answer."""
    rng = pools.rng
    wordings, code = rng.choice(templates(pools))()
    question = polish(rng.choice(wordings[:-1]) if train else wordings[-1], rng, [])
    made = Turn("python", question)
    try:
        value: Any = eval(code, dict(_SCOPE))  # noqa: S307 - our own one-liners
        text, answer = repr(value), f"The answer is {value!r}."
    except ArithmeticError as error:
        text = f"{type(error).__name__}: {error}"
        answer = f"That did not work: {text}"
        made.failed = True
    made.call("python", code, [("", text)])
    made.answer, made.expect = answer, text
    return made
