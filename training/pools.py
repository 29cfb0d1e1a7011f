"""Where the values in training conversations come from, split into a training and a held-out half.

Real words are split by a hash, so that a held-out value never occurs in training; invented words are
drawn from disjoint syllable sets for the same reason. Does not do: questions, functions, rendering.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable

LISTS: dict[str, str] = {
    "city": "Paris London Berlin Madrid Rome Vienna Prague Warsaw Budapest Lisbon Dublin Oslo Stockholm Helsinki Copenhagen Amsterdam Brussels Zurich Geneva Milan Naples Turin Florence Venice Athens Istanbul Ankara Cairo Tunis Algiers Casablanca Lagos Nairobi Accra Dakar Johannesburg Durban Tokyo Osaka Kyoto Nagoya Sapporo Seoul Busan Beijing Shanghai Shenzhen Guangzhou Chengdu Wuhan Hangzhou Nanjing Taipei Hanoi Bangkok Jakarta Manila Singapore Mumbai Delhi Chennai Kolkata Bangalore Karachi Lahore Dhaka Kathmandu Colombo Tehran Baghdad Riyadh Dubai Doha Amman Beirut Jerusalem Moscow Kyiv Minsk Riga Vilnius Tallinn Sofia Bucharest Belgrade Zagreb Sarajevo Ljubljana Bratislava Krakow Gdansk Hamburg Munich Cologne Frankfurt Stuttgart Leipzig Dresden Bremen Lyon Marseille Nice Toulouse Bordeaux Lille Nantes Barcelona Valencia Seville Bilbao Porto Manchester Liverpool Leeds Bristol Glasgow Edinburgh Cardiff Belfast Boston Chicago Houston Dallas Austin Denver Seattle Portland Phoenix Miami Atlanta Detroit Cleveland Toronto Montreal Vancouver Calgary Ottawa Quebec Havana Lima Quito Bogota Caracas Santiago Montevideo Brasilia Salvador Recife Sydney Melbourne Brisbane Perth Adelaide Auckland Wellington Honolulu Anchorage|New York|Los Angeles|San Francisco|San Diego|Las Vegas|Salt Lake City|New Orleans|Mexico City|Rio de Janeiro|Sao Paulo|Buenos Aires|Cape Town|Hong Kong|Kuala Lumpur|Tel Aviv|Abu Dhabi|Saint Petersburg|San Jose|St. Louis|Addis Ababa|Ho Chi Minh City|New Delhi|The Hague",
    "country": "France Germany Spain Italy Portugal Austria Switzerland Belgium Netherlands Denmark Norway Sweden Finland Iceland Ireland Poland Hungary Romania Bulgaria Greece Turkey Egypt Morocco Tunisia Nigeria Kenya Ghana Ethiopia Japan China India Pakistan Nepal Thailand Vietnam Indonesia Malaysia Philippines Australia Canada Mexico Brazil Argentina Chile Peru Colombia Ecuador Bolivia Uruguay Cuba Russia Ukraine Estonia Latvia Lithuania Croatia Serbia Slovenia Slovakia Albania Israel Jordan Lebanon Iraq Iran Qatar Oman Mongolia Kazakhstan Georgia Armenia Tanzania Uganda Zambia Angola Senegal|South Korea|New Zealand|South Africa|United States|United Kingdom|Costa Rica|Saudi Arabia|Sri Lanka|Czech Republic",
    "first_name": "Alice Bob Carol David Emma Frank Grace Henry Irene Jack Karen Leo Maria Nina Oscar Paul Quinn Rosa Sam Tina Uma Victor Wendy Xavier Yara Zoe Adam Bella Carlos Diana Elena Felix Gina Hugo Iris Jonas Kira Lars Mona Noah Olga Peter Rita Simon Tara Ursula Vera Walter Anna Ben Clara Daniel Eva Finn Greta Hannah Ivan Julia Kevin Laura Martin Nora Oliver Petra Robert Sofia Thomas Lily Mateo Chen Wei Yuki Hiro Priya Arjun Fatima Omar Aisha Ingrid Sven Luca Chiara Pierre Camille Juan Lucia Aleksei Katya Dmitri Amara Kofi Zanele Tariq Leila Jamal Naomi Ethan Mia Liam Ava Mason Ella Logan Ruby Owen Hazel",
    "surname": "Smith Jones Brown Taylor Wilson Evans Walker Wright Green Hall Wood Clarke Jackson Turner Hill Cooper Ward Morris Moore King Baker Harris Allen Scott Young Adams Mitchell Carter Phillips Parker Bennett Gray Hughes Foster Russell Hamilton Graham Murray Stone Fisher Palmer Webb Rogers Hunt Dixon Mason Knight Porter Lane Marsh Frost Schmidt Weber Fischer Wagner Becker Hoffmann Koch Richter Klein Rossi Ferrari Bianchi Romano Garcia Martinez Lopez Fernandez Silva Santos Costa Dubois Laurent Moreau Leroy Nakamura Tanaka Suzuki Kim Park Nguyen Tran Singh Patel Sharma Khan Ali Hassan Ivanov Petrov Novak Kowalski Larsen Hansen Nilsson Okafor Mensah",
    "company": "Acme Globex Initech Umbrella Hooli Contoso Northwind Fabrikam Vandelay Wonka Stark Wayne Tyrell Cyberdyne Oscorp Soylent Aperture Zenith Apex Nimbus Vertex Orion Lumina Solaria Quantix Novatek Brightline Silverlake Bluepeak Redwood Ironclad Evergreen Skyward Riverstone Clearwater Goldcrest Blackbird Whitestone Sunforge|Apple|Google|Microsoft|Amazon|Tesla|Nvidia|Siemens|Toyota|Sony|Nestle|Unilever|Shell|Boeing|Airbus",
    "product": "laptop keyboard monitor headphones charger backpack umbrella toaster kettle blender lamp desk chair sofa mattress pillow blanket towel bicycle helmet tent stove camera tripod printer scanner router tablet smartwatch speaker microphone guitar drill hammer ladder shovel notebook pen pencil scissors candle vase mirror clock wallet belt jacket sweater scarf gloves boots sandals sneakers|coffee maker|desk lamp|phone case|water bottle|yoga mat|running shoes|vacuum cleaner|rice cooker|garden hose|wireless mouse|office chair",
    "language": "French German Spanish Italian Portuguese Dutch Swedish Norwegian Danish Finnish Polish Czech Hungarian Romanian Greek Turkish Arabic Hebrew Hindi Bengali Japanese Chinese Korean Thai Vietnamese Russian Ukrainian English Latin Swahili",
    "color": "red blue green yellow orange purple pink brown black white gray cyan magenta teal navy maroon olive beige gold silver violet crimson turquoise lavender coral",
    "animal": "cat dog horse cow sheep goat pig rabbit hamster parrot penguin eagle owl falcon swan duck goose turtle lizard snake frog salmon shark whale dolphin seal otter beaver fox wolf bear tiger lion leopard elephant giraffe zebra rhino monkey gorilla kangaroo koala panda hedgehog squirrel bat mouse camel llama",
    "food": "rice bread pasta pizza soup salad cheese eggs chicken beef pork tofu beans lentils potatoes carrots onions garlic tomatoes spinach mushrooms apples bananas oranges grapes strawberries cherries mango pineapple yogurt butter honey chocolate pancakes noodles dumplings curry sushi tacos lasagna risotto paella burger oatmeal walnuts almonds salmon shrimp|apple pie|fried rice|peanut butter|chicken soup|lentil stew",
    "drink": "coffee tea water milk juice lemonade cocoa cola beer wine cider whisky espresso latte cappuccino smoothie soda",
    "plant": "rose tulip daisy lily orchid sunflower lavender basil mint thyme rosemary tomato pepper cucumber pumpkin oak maple birch pine willow fern cactus ivy jasmine lotus",
    "sport": "football tennis basketball volleyball hockey cricket rugby golf swimming rowing cycling boxing judo fencing archery skiing badminton baseball handball karate sailing surfing",
    "instrument": "piano violin guitar flute cello trumpet saxophone clarinet harp drums organ trombone oboe banjo ukulele accordion",
    "job": "nurse teacher plumber carpenter electrician baker chef pilot lawyer dentist engineer architect librarian journalist farmer tailor welder pharmacist accountant designer",
    "unit": "meters feet miles kilometers inches yards grams kilograms pounds ounces liters gallons celsius fahrenheit kelvin hours minutes seconds acres hectares",
    "material": "wood steel glass copper concrete granite marble bronze aluminium plastic leather cotton wool silk clay brick bamboo rubber titanium limestone sandstone slate",
    "room": "kitchen bedroom bathroom garage attic basement hallway office library lounge pantry nursery balcony cellar|living room|dining room|guest room|meeting room|server room",
    "device": "thermostat lamp heater fan camera speaker television router printer dishwasher oven fridge sensor drone robot|washing machine|air conditioner|coffee machine|smart plug|garage door",
    "vehicle": "truck van bus taxi tractor scooter motorcycle tram ferry ambulance forklift sedan minivan bicycle",
    "metric": "latency throughput revenue churn uptime memory errors sessions conversions traffic profit margin temperature pressure humidity",
    "file_format": "pdf png jpg csv json xml html docx xlsx mp3 mp4 wav zip txt svg yaml",
    "programming_language": "Python Java Rust Go Ruby Swift Kotlin Scala Perl Haskell Erlang Julia Lua Dart TypeScript",
    "planet": "Mercury Venus Earth Mars Jupiter Saturn Uranus Neptune Pluto",
    "holiday": "Christmas Easter Halloween Thanksgiving Diwali Hanukkah Ramadan Carnival",
    "genre": "jazz rock pop blues techno folk reggae opera horror comedy drama thriller fantasy romance western classical",
    "disease": "flu asthma diabetes measles malaria migraine pneumonia anemia arthritis bronchitis eczema",
    "subject": "mathematics physics chemistry biology history geography economics philosophy music algebra calculus statistics literature astronomy geology",
    "department": "sales marketing finance engineering support legal logistics research design operations security purchasing",
    "event": "concert wedding conference workshop festival marathon exhibition picnic auction gala seminar tournament",
    "month": "January February March April May June July August September October November December",
    "weekday": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "currency": "USD EUR GBP JPY CHF CAD AUD CNY INR BRL SEK NOK DKK PLN CZK HUF TRY ZAR MXN SGD",
    "topic": "volcanoes robots whales inflation elections chess dinosaurs vaccines batteries glaciers poetry espresso satellites bees coral origami typography bridges sleep gravity|climate change|machine learning|solar power|ancient Rome|black holes|quantum computing|urban farming|space travel|deep sea fish|renewable energy|folk music",
    "word": "apple river mountain stone garden window bridge forest silver engine market lantern harbor pepper velvet thunder marble ribbon anchor basket candle feather hammer island jacket kettle ladder meadow needle orchard pillow quarry rocket saddle tunnel violin whistle banana strawberry computer elephant butterfly umbrella serendipity ephemeral resilient ubiquitous gratitude horizon melancholy nostalgia paradox quixotic",
    "adjective": "old new red blue small large quiet bright broken hidden early late golden silent brave gentle rapid frozen hollow secret annual monthly final missing urgent weekly yellow purple dusty",
    "verb": "buy call fix send clean paint review write check update bring order pay cancel move test water feed pack print sign meet visit read finish plan prepare collect return repair",
    "profession": "architect painter poet physicist chemist botanist composer engineer sculptor astronomer surgeon historian journalist inventor geologist weaver printer mathematician",
    "school": "Kestrel Academy|Northgate College|Saint Alban School|Harrow Institute|Lindell University|Ashford Polytechnic|Maple Hill School|Corvin University",
    "award": "Golden Quill|Silver Compass|Amber Medal|Founders Prize|Blue Ribbon|Crystal Leaf Award|Iron Star|Laurel Medal|Meridian Prize|Copper Lantern",
    "reason": "the old harbour had become too shallow|the river flooded every spring|the town needed clean water|the railway had closed|its founder wanted to honour her father|merchants asked for a safe place to trade|the winters were too cold for sheep|the first design was too heavy|ships kept running aground nearby|the old hall had burned down",
}

_VOWELS = "a e i o u a e o".split()
_TRAIN_ONSETS = "b br c d dr f g gr h k l m n p pr r s st t tr v w z th ch".split()
_HELD_ONSETS = "bl cr fl gl j kl kr pl sh sk sl sn sp sw vl y qu".split()
_CODAS = ["", "", "", "n", "r", "l", "s", "m", "nd", "rt", "x", "ck", "th"]


def _held(word: str) -> bool:
    return zlib.crc32(word.encode()) % 5 == 0


def _entries(name: str) -> list[str]:
    return [
        w
        for i, part in enumerate(LISTS[name].split("|"))
        for w in (
            [part]
            if " " in part
            and (i or "|" in LISTS[name][: len(part)] or name in ("school", "award", "reason"))
            else part.split()
        )
    ]


_SMALL = {"month", "weekday", "planet", "file_format", "currency", "unit", "holiday"}


class Pools:
    """Values for one side of the split. `rng` is the caller's, so that runs repeat exactly."""

    def __init__(self, rng: random.Random, held_out: bool = False) -> None:
        self.rng = rng
        self.held_out = held_out
        self.lists: dict[str, list[str]] = {}
        for name in LISTS:
            words = _entries(name)
            keep = words if name in _SMALL else [w for w in words if _held(w) == held_out]
            self.lists[name] = keep or words

    def pick(self, name: str) -> str:
        """One value of a pool. Raises KeyError for a pool that does not exist."""
        made: Callable[[], str] | None = getattr(self, "_" + name, None)
        value = made() if made else self._listed(name)
        return value

    def many(self, name: str, count: int) -> list[str]:
        """Different values of a pool."""
        found: list[str] = []
        for _ in range(count * 10):
            value = self.pick(name)
            if value not in found:
                found.append(value)
            if len(found) == count:
                break
        return found

    def invented(self, syllables: int | None = None, capital: bool = False) -> str:
        """A word that does not exist, from this side's syllables."""
        rng = self.rng
        onsets = _TRAIN_ONSETS if not self.held_out else _TRAIN_ONSETS + _HELD_ONSETS * 2
        n = syllables or rng.choice((1, 2, 2, 2, 3))
        word = "".join(
            rng.choice(onsets) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(n)
        )
        if rng.random() < 0.3:
            word = rng.choice(_VOWELS) + word
        return word.capitalize() if capital else word

    def digits(self, low: int, high: int) -> str:
        """A string of low to high digits, not starting with zero."""
        n = self.rng.randint(low, high)
        return str(self.rng.randint(1, 9)) + "".join(
            str(self.rng.randint(0, 9)) for _ in range(n - 1)
        )

    def _listed(self, name: str) -> str:
        rng = self.rng
        if (
            name
            in (
                "city",
                "country",
                "company",
                "surname",
                "product",
                "word",
                "topic",
                "food",
                "first_name",
                "team",
                "device",
                "metric",
            )
            and rng.random() < 0.25
        ):
            capital = name in ("city", "country", "company", "surname", "first_name", "team")
            word = self.invented(capital=capital)
            return f"{word} {self.invented(capital=capital)}" if rng.random() < 0.15 else word
        return rng.choice(self.lists[name])

    def _full_name(self) -> str:
        return f"{self.pick('first_name')} {self.pick('surname')}"

    def _person(self) -> str:
        return self._full_name()

    def _caps(self, n: int) -> str:
        return "".join(self.rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(n))

    def _email(self) -> str:
        rng = self.rng
        user = rng.choice(
            [
                self.pick("first_name").lower().replace(" ", "."),
                f"{self.pick('first_name')}.{self.pick('surname')}".lower().replace(" ", ""),
                self.invented() + self.digits(1, 2),
            ]
        )
        return f"{user}@{self._domain()}"

    def _domain(self) -> str:
        rng = self.rng
        return f"{rng.choice([self.invented(), self.pick('word'), self.invented() + '-' + self.pick('word')]).replace(' ', '')}.{rng.choice(['com', 'org', 'net', 'io', 'example', 'dev', 'de'])}"

    def _url(self) -> str:
        rng = self.rng
        return f"{rng.choice(['https', 'https', 'http'])}://{rng.choice(['', 'www.', 'docs.'])}{self._domain()}{rng.choice(['', '/', '/' + self.pick('word').replace(' ', '-'), '/' + self.invented() + '/' + self.digits(1, 4)])}"

    def _filename(self) -> str:
        rng = self.rng
        stem = rng.choice(
            [
                self.pick("word"),
                self.invented(),
                f"{self.pick('adjective')}_{self.pick('word')}",
                f"{self.pick('word')}-{self.digits(1, 4)}",
                f"{self.pick('word')}{self.digits(1, 2)}",
            ]
        ).replace(" ", "_")
        return f"{stem}.{rng.choice('pdf csv txt json png log xlsx docx md py yaml zip'.split())}"

    def _path(self) -> str:
        rng = self.rng
        parts = [
            rng.choice(
                [self.pick("word"), self.invented(), "data", "home", "var", "tmp", "logs", "src"]
            ).replace(" ", "_")
            for _ in range(rng.randint(1, 3))
        ]
        return (
            rng.choice(["/", "/", "", "./"])
            + "/".join(parts)
            + rng.choice(["", "/" + self._filename()])
        )

    def _date(self) -> str:
        rng = self.rng
        return f"{rng.randint(1990, 2032)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"

    def _time(self) -> str:
        return f"{self.rng.randint(0, 23):02d}:{self.rng.choice([0, 5, 10, 15, 20, 30, 40, 45, 50, 55]):02d}"

    def _phrase(self) -> str:
        rng = self.rng
        p = self.pick
        return rng.choice(
            [
                lambda: f"{p('verb')} the {p('adjective')} {p('word')}",
                lambda: f"{p('verb')} {p('first_name')} about the {p('word')}",
                lambda: f"the {p('word')} is {p('adjective')}",
                lambda: f"{p('adjective')} {p('word')} and {p('word')}",
                lambda: f"{p('verb')} {p('food')} for {p('first_name')}",
                lambda: f"{p('word')} {p('word')} {p('word')}",
                lambda: f"I will be late {p('weekday')}",
                lambda: f"{p('first_name').split()[0]} needs a {p('adjective')} {p('product')}",
            ]
        )()

    def _title(self) -> str:
        rng = self.rng
        p = self.pick
        cap = lambda w: w[:1].upper() + w[1:]
        return rng.choice(
            [
                lambda: f"The {cap(p('adjective'))} {cap(p('word'))}",
                lambda: f"{cap(p('word'))} of {p('city')}",
                lambda: f"{cap(p('word'))} and {cap(p('word'))}",
                lambda: f"{cap(p('adjective'))} {cap(self.invented())}",
                lambda: self.invented(capital=True),
                lambda: f"The {cap(p('word'))} in {p('city')}",
            ]
        )()

    def _street(self) -> str:
        rng = self.rng
        return f"{rng.randint(1, 300)} {rng.choice([self.pick('surname'), self.pick('word').capitalize(), self.invented(capital=True)])} {rng.choice(['Street', 'Road', 'Avenue', 'Lane', 'Square'])}"

    def _phone(self) -> str:
        return self.rng.choice(["+", ""]) + "-".join(
            self.digits(2, 4) for _ in range(self.rng.randint(2, 3))
        )

    def _code(self) -> str:
        rng = self.rng
        return rng.choice(
            [
                lambda: f"{self._caps(1)}{self.digits(1, 2)}-{self.digits(3, 4)}",
                lambda: f"{self._caps(rng.randint(2, 3))}-{self.digits(2, 5)}",
                lambda: self.digits(3, 7),
                lambda: f"{self.invented()}-{self.digits(1, 3)}",
                lambda: f"{self._caps(2)}{self.digits(2, 5)}",
                lambda: f"{self.pick('word')}_{self.digits(1, 3)}".replace(" ", "_"),
            ]
        )()

    def _ticker(self) -> str:
        return self._caps(self.rng.randint(2, 4))

    def _airport(self) -> str:
        return self._caps(3)

    def _username(self) -> str:
        rng = self.rng
        return rng.choice(
            [
                self.invented(),
                f"{self.invented()}{self.digits(1, 3)}",
                f"{self.pick('first_name').lower()}_{self.invented()}".replace(" ", "_"),
                f"@{self.invented()}",
            ]
        )

    def _hashtag(self) -> str:
        return "#" + self.rng.choice([self.invented(), self.pick("word").replace(" ", "")])

    def _team(self) -> str:
        return self.rng.choice(
            [
                f"{self.pick('city')} {self.pick('word').capitalize()}s",
                self.invented(capital=True),
                f"FC {self.pick('city')}",
                f"the {self.pick('color')} {self.pick('animal')}s",
            ]
        )

    # What pages about invented things are made of (see banks/facts.py).
    def _place(self) -> str:
        rng = self.rng
        n = self.invented(2, True)
        return rng.choice(
            [
                f"{n} Bridge",
                f"the {n} Lighthouse",
                n,
                f"{n} Tower",
                f"the {n} {self.pick('adjective').capitalize()} Hall",
                f"{n} Park",
                f"the {n} Museum",
            ]
        )

    def _species(self) -> str:
        return self.rng.choice(
            [
                f"the {self.pick('adjective')} {self.invented()}",
                f"the {self.invented()} {self.pick('animal')}",
            ]
        )

    def _river_mountain(self) -> str:
        n = self.invented(capital=True)
        return self.rng.choice([f"Mount {n}", f"the river {n}", n, f"the {n} River"])

    def _dish(self) -> str:
        return self.rng.choice([self.invented(), f"{self.invented()} {self.pick('food')}"])

    def _year(self) -> str:
        return str(self.rng.randint(1650, 2024))

    def _number(self) -> str:
        return self.digits(1, 5)

    _population = _area = _number

    def _length_m(self) -> str:
        return self.digits(2, 4)

    _height_m = _length_m

    def _percent(self) -> str:
        return str(self.rng.randint(1, 99))

    def _price(self) -> str:
        return f"{self.digits(1, 4)} {self.rng.choice(['dollars', 'euros', 'crowns', 'pounds'])}"
