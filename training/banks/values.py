"""Lists of real words that values are drawn from, one string a pool; `|` parts hold several words.

Does not do: drawing, or keeping some out of training (see pools.py).
"""

import zlib
from functools import cache

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

# Too few to split, or written only in one way: the same in training and in evaluation.
SMALL = {"month", "weekday", "planet", "file_format", "currency", "unit", "holiday"}
_PHRASES = {"school", "award", "reason"}  # every part is one value


@cache
def entries(name: str) -> tuple[str, ...]:
    """The values of a list. Its first part holds single words, unless it is a list of phrases."""
    first, *more = LISTS[name].split("|")
    return (first, *more) if name in _PHRASES else (*first.split(), *more)


@cache
def held_out(word: str) -> bool:
    """Whether a value is kept for evaluation (one in five, by its hash)."""
    return zlib.crc32(word.encode()) % 5 == 0


@cache
def side(name: str, held: bool) -> tuple[str, ...]:
    """The values of a list for evaluation (`held`) or for training."""
    words = entries(name)
    return words if name in SMALL else tuple(w for w in words if held_out(w) == held) or words


@cache
def held_words() -> frozenset[str]:
    """All words of values that training must not see, in lower case."""
    return frozenset(
        word.lower()
        for name in LISTS
        if name not in SMALL | _PHRASES
        for value in side(name, True)
        for word in value.split()
    )
