"""Plain nouns and verbs from which facts are invented without end (see training/inventing_facts.py).

NOUNS maps what an attribute's value looks like to the attributes that have such a value. VERBS are
"base past participle", or the base alone where "-ed" (with the usual spelling) makes both.
Does not do: sentences, questions, the split into training and evaluation.
"""

NOUNS: dict[str, str] = {
    "person": (
        "owner director teacher rival neighbour mayor captain king queen chief boss manager guard leader"
        " driver editor author painter singer coach keeper cook gardener doctor nurse lawyer friend enemy"
        " partner cousin uncle aunt brother sister father mother son daughter husband wife grandfather"
        " grandmother heir hero judge priest guide landlord tenant founder president secretary treasurer"
        " speaker engineer builder designer architect inventor maker seller buyer donor sponsor patron"
        " guest visitor winner champion critic translator producer publisher collector student pupil master"
        " servant butler baker barber tailor carpenter porter agent witness host referee trainer cleaner"
        " caretaker helper successor director admirer"
    ),
    "color": (
        "colour door roof flag uniform coat hat shirt curtain carpet hair fur fence gate wall ceiling"
        " ribbon cover label banner stamp scarf badge wheel frame"
    ),
    "material": (
        "floor handle shell frame base blade lid table bench statue staircase chimney pipe box crown ring"
        " mask sword key bell chain column cup plate"
    ),
    "city": (
        "home birthplace office headquarters capital port workshop factory studio archive warehouse"
        " destination address market school branch stop cemetery theatre"
    ),
    "country": "origin homeland market source nation ally supplier importer",
    "animal": "mascot pet symbol emblem guardian logo prey enemy companion toy",
    "food": "dish breakfast lunch dinner snack dessert diet ingredient meal filling supper",
    "drink": "drink beverage toast refreshment",
    "word": "motto slogan nickname password name code theme subject title logo brand keyword signal",
    "title": "anthem song book hymn film play poem newspaper game painting opera novel diary album",
    "instrument": "instrument sound solo",
    "plant": "flower tree plant crop hedge bouquet",
    "sport": "sport hobby pastime exercise",
    "weekday": "holiday meeting market deadline closing payday",
    "month": "season birthday festival harvest anniversary concert vacation party",
    "company": "producer carrier bank insurer operator shop maker dealer seller contractor distributor",
    "adjective": (
        "mood style smell taste voice texture character condition temper atmosphere tone look shape"
        " reputation climate weather"
    ),
    "profession": "profession job career trade occupation",
    "language": "language dialect tongue alphabet",
    "price": (
        "price cost rent fee value budget salary income debt profit tax fine loan prize reward deposit"
        " fare loss wage turnover fund"
    ),
    "metres": "height length width depth distance range altitude size span radius circumference",
    "kilograms": "weight load cargo mass burden luggage ration harvest",
    "kilometres per hour": "speed pace velocity",
    "years": "age lifetime guarantee warranty reign sentence contract",
    "minutes": "duration delay break journey speech trip wait pause tour lesson interview",
    "litres": "capacity volume consumption tank supply reserve",
    "degrees": "temperature angle slope latitude heat",
    "percent": "share discount growth risk humidity success error interest accuracy",
    "number": (
        "score record rank number total circulation population membership audience attendance rating"
        " crew staff stock output"
    ),
}

VERBS = """
paint|repair|visit|open|close|found|plan|design|rescue|restore|clean|move|rename|rebuild rebuilt rebuilt
build built built|sell sold sold|buy bought bought|find found found|draw drew drawn|write wrote written
steal stole stolen|break broke broken|bring brought brought|make made made|take took taken|see saw seen
lose lost lost|hide hid hidden|teach taught taught|lead led led|leave left left|keep kept kept
give gave given|show showed shown|choose chose chosen|throw threw thrown|burn|catch caught caught
win won won|sing sang sung|forget forgot forgotten|hold held held|hear heard heard|send sent sent
lend lent lent|feed fed fed|shoot shot shot|cut cut cut|dig dug dug|grow grew grown|know knew known
shake shook shaken|tear tore torn|wear wore worn|ride rode ridden|drive drove driven|fight fought fought
bury|carry|copy|study|marry|destroy|attack|defend|protect|describe|discover|invent|explore|photograph
measure|weigh|count|publish|print|translate|record|film|direct|produce|finance|sponsor|support|insure
rent|inherit|donate|collect|display|present|honour|praise|criticise|attack|ban|free|arrest|accuse
name|baptise|bless|curse|celebrate|mention|remember|recommend|review|inspect|test|check|examine|approve
reject|cancel cancelled cancelled|delay|replace|remove|return|deliver|order|import|export|transport|launch|sink sank sunk
raise|lower|lift|drop|push|pull|turn|bend bent bent|fold|cover|wrap|decorate|polish|wash|dry|heat|cool
freeze froze frozen|melt|cook|bake|roast|taste|eat ate eaten|drink drank drunk|plant|water|harvest|pick
train|hire|dismiss|promote|manage|own|elect|appoint|crown|defeat|challenge|join|assist|help|cure|treat
save|guard|watch|follow|chase|surround|capture|conquer|occupy|abandon|enlarge|extend|widen|shorten
double|divide|split split split|connect|separate|mark|sign|stamp|register|patent|advertise|announce
modernise|renovate|demolish|damage|flood|light lit lit|illuminate|lock|unlock|seal|install|assemble
analyse|solve|explain|predict|identify|adopt|imitate|sketch|carve|mould|weave wove woven|sew sewed sewn
knit|dye|auction|pawn|trade|exchange|borrow|ship|load|unload|store|bless|dedicate|reopen|relocate
"""
