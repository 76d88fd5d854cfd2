"""Write names.tsv, named.tsv, relations.tsv and roles.tsv of notebook 17: modern sentences, from patterns written by hand.

    python notebooks/data/make_modern.py

The patterns and names of `dev` are not in `train`, and the other way round; roles share their patterns, not their words.
"""

import csv
import random
import re
from pathlib import Path

HERE = Path(__file__).parent
rng = random.Random(17)

PERSONS = """Anna Peter Maria John Helen David Sarah Tom Julia Mark Alice Paul Emma Robert Clara Henry Laura Simon Kate James
Ruth Martin Susan George Nancy Frank Elizabeth William Margaret Charles Jane Arthur Lucy Richard Edward Martha Michael Barbara
Daniel Rose Philip Dorothy Walter Caroline Samuel Betty Oliver Jack Ellen Albert Mary Harry Sophia Ralph Eva Joseph Judith Fred
Catherine Thomas""".split()
PLACES = """London Paris Berlin Rome Vienna Boston Chicago Texas India Japan China France Italy Spain Canada Mexico Egypt Russia
Germany England Scotland Ireland Africa Europe America Australia Washington Philadelphia California Florida Virginia Ohio
Michigan Moscow Madrid Dublin Oxford Cambridge Edinburgh Greece Turkey Poland Sweden Norway Denmark Brazil Peru Chicago Detroit
Cuba Panama Alaska Hawaii Arizona Kansas Oregon Montana Nevada Brooklyn Manhattan""".split()
PLACES = list(dict.fromkeys(PLACES))

# ---- names: P a person, L a place ----

NAMED = """
P moved from L to L last spring.
We met P in L two years ago.
F and M are getting married in June.
The train to L leaves at nine.
P works as a nurse in a small hospital near L.
Have you ever been to L in winter?
"I am going home," said P.
P wrote a long letter to P about the journey.
The weather in L was cold and wet.
P was born in L and grew up in L.
My friend P plays the piano very well.
The book was first published in L.
P has three children and lives near L.
Nobody in L had heard the news.
P laughed and closed the door.
They flew to L and took a bus to L.
P asked P to wait outside.
The shops in L close early on Saturday.
P teaches history at a school in L.
I gave the keys to P this morning.
The road from L to L was closed because of snow.
P did not answer, and P looked away.
Our neighbour P is learning to drive.
Most people in L speak two languages.
P bought a house by the sea in L.
Could you ask P to call me back?
The company has offices in L and L.
M is taller than his brother M.
She spent her holidays in L with P.
P felt ill and stayed in bed all day.
The old part of L is full of tourists in summer.
M told us a funny story about his time in L.
A ship from L arrived in the harbour.
P smiled at P across the table.
Prices in L have gone up again.
I have not seen P since we left L.
F lost her passport on the way to L.
The museum in L is closed on Mondays.
P and P walked home in the rain.
The president will visit L next month.
P wants to study medicine in L.
Last night P dreamed of the mountains.
There was a fire in the centre of L.
P cooked dinner while P set the table.
He was a soldier in L during the war.
F said that she had never been to L.
The river flows through L to the sea.
M was late, so we started without him.
We drove across L in four days.
M sold his car to P for very little money.
""".strip().splitlines()
NAMED_DEV = """
P has just come back from L.
The football team from L won the match.
M and his wife F run a bakery.
It rains a lot in L at this time of year.
"Where is P?" she asked.
P grew tomatoes behind the house.
After the war they settled in L.
P took a photograph of F and her dog.
The capital was moved from L to L.
P could not sleep and read until three.
Many students from L come to study here.
I think P knows more about it than P.
P drove to L to see a doctor.
The coffee from L is better.
Yesterday F broke her arm.
P hid the letter from P.
A letter with stamps from L was on the table.
The winters in L are long and dark.
P, who had been a pilot, told them about L.
Everyone thanked P for the cake.
""".strip().splitlines()

# ---- relations: A and B are the marked ones, other capitals P, L are not ----

RELATIONS = {
    "parent(e1,e2)": ("""
A is the {mother} of B.
A has a {son} called B.
A has a {son}, B, who is ten.
A and {his} {son} B live next door.
A often took {his} {son} B to the sea.
A was very proud of {his} {son} B.
A, the {mother} of B, was a teacher.
A called {his} {son} B.
A taught {his} {son} B to swim.
A, the {mother} of P and B, is a doctor.
A loved {his} {son} B more than anything.
A was glad to see {his} {son} B again.
A has two children, P and B.
A became the {mother} of B at the age of twenty.
""", """
A is the proud {mother} of B.
A cannot find {his} {son}, B.
A, whose {son} B lives in L, is ill.
A bought a bicycle for {his} {son} B.
A is the {mother} of P and B.
A sent {his} {son} B to a school in L.
"""),
    "parent(e2,e1)": ("""
A is the {son} of B.
A is a {son} of B.
A and {his} {mother}, B, came by train.
A is the youngest child of B.
A, a {son} of B, became a lawyer.
A visited {his} {mother}, B, in L.
A looks like {his} {mother}, B.
A was the only {son} of B and P.
A often spoke of {his} {mother}, B.
A still lives with {his} {mother}, B.
A, the {son} of B, is a painter.
A wrote to {his} {mother}, B, every week.
A inherited the farm from {his} {mother}, B.
A learned to cook from {his} {mother}, B.
""", """
A is a {son} of B and P.
A asked {his} {mother}, B, for money.
A, the oldest {son} of B, went to L.
A drove {his} {mother}, B, to the station.
A lost {his} {mother}, B, in the war.
A quarrelled with {his} {mother}, B.
"""),
    "lives(e1,e2)": ("""
A lives in B.
A moved to B last year.
A has a flat in B.
A has lived in B for ten years.
A settled in B after the war.
A rents a room in B.
A and P live in B.
A, who lives in B, is a lawyer.
A bought a house in B.
A found a new home in B.
A grew up in L and now lives in B.
A stayed in B for the rest of {his} life.
A is at home in B.
A left L and moved to B.
""", """
A went to live in B.
A and {his} sister live in B.
A, a painter from L, lives in B.
A has a small house in B.
A has been living in B since March.
A built a house near B.
"""),
    "none": ("""
A met B and the son of P at the station.
A plays tennis with B.
A has never been to B.
A and the father of P met B.
A sent B a postcard from L.
A flew to B and came back the same day.
A works with B in a bank.
A and B are old friends.
A, the {son} of P, helped B with the boxes.
A told B that P lives in L.
A read a book about B.
A met P, whose mother lives in L, and B.
A dislikes the weather in B.
A asked B about the daughter of P.
""", """
A danced with B.
A told the mother of P about B.
A would like to see B again.
A and B sat next to P and his son.
A drove through B on the way to L.
A took a picture of B and the house in L.
"""),
}  # fmt: skip

# ---- roles: (who) verb (what) (to whom) (where), one or two verbs ----

WHO = "Anna|The teacher|My brother|The old man|A woman|The children|Peter|Our neighbour|She|The doctor|Maria|They".split(
    "|"
)
WHO_DEV = "The farmer|Helen|My sister|He|The students|A young man".split("|")
WHAT = "a letter|the keys|some money|the book|a cup of tea|two tickets|the old photographs|an apple|her coat".split(
    "|"
)
WHAT_DEV = "the map|a glass of water|his bicycle|the flowers".split("|")
WHOM = "her mother|the boy|David|the waiter|his friends|the policeman".split("|")
WHOM_DEV = "the girl|Sarah|their parents".split("|")
WHERE = "in the kitchen|at the station|in Paris|behind the house|on the table|near the river".split(
    "|"
)
WHERE_DEV = "in the garden|at school|under the bridge".split("|")
GIVE = "gave|sent|showed|brought|handed|sold".split("|")
DO = "found|lost|bought|left|saw|forgot|hid".split("|")
BE = "waited|slept|sat|lived|worked|stayed".split("|")
ROLES = (
    "[ARG0 {who}] [V {give}] [ARG1 {what}] to [ARG2 {whom}]",
    "[ARG0 {who}] [V {give}] [ARG2 {whom}] [ARG1 {what}]",
    "[ARG0 {who}] [V {do}] [ARG1 {what}] [ARGM-LOC {where}]",
    "[ARG0 {who}] [V {be}] [ARGM-LOC {where}]",
    "[ARG1 {what}] was [V {do}] [ARGM-LOC {where}]",
    "[ARG1 {what}] was [V {do}] by [ARG0 {who}]",
    "[ARG0 {who}] [V {be}] [ARGM-LOC {where}] and {do} {what} | "
    "[ARG0 {who}] {be} {where} and [V {do}] [ARG1 {what}]",
    "[ARG0 {who}] [V {do}] [ARG1 {what}] and {give} it to {whom} | "
    "[ARG0 {who}] {do} {what} and [V {give}] [ARG1 it] to [ARG2 {whom}]",
)


FEMALE = set(
    """Anna Maria Helen Sarah Julia Alice Emma Clara Laura Kate Ruth Susan Nancy Elizabeth Margaret Jane Lucy Martha
Barbara Rose Dorothy Caroline Betty Ellen Mary Sophia Eva Judith Catherine""".split()
)


def split(names):
    """Two thirds to learn from, a third held out"""
    held = names[2::3]
    return [name for name in names if name not in held], held


def names_in(pattern, persons, places, slots="PMFL"):
    """Put another name in each slot: P a person, M a man, F a woman, L a place"""
    persons, places = rng.sample(persons, len(persons)), rng.sample(places, len(places))

    def name(match):
        slot = match.group()
        pool = places if slot == "L" else persons
        fits = [n for n in pool if slot in "PL" or (slot == "F") == (n in FEMALE)]
        pool.remove(fits[0])
        return fits[0]

    return re.sub(rf"\b[{slots}]\b", name, pattern)


def related(pattern, relation, persons, places):
    """Put names in the slots A and B, and the words that agree with them"""
    a, b = rng.sample(persons, 2)
    to_place = relation.startswith("lives") or re.search(
        r"(been to|flew to|about|weather in|through) B", pattern
    )
    parent, child = (b, a) if relation in ("parent(e2,e1)", "none") else (a, b)
    words = {"his": "her" if a in FEMALE else "his", "mother": "mother" if parent in FEMALE else "father",
             "son": "daughter" if child in FEMALE else "son"}  # fmt: skip
    text = pattern.format(**words)
    text = names_in(text, [n for n in persons if n not in (a, b)], places, "PL")
    place = rng.choice([place for place in places if place not in text])
    text = re.sub(r"\bB\b", f"<e2>{place if to_place else b}</e2>", text)
    return re.sub(r"^A\b", f"<e1>{a}</e1>", text)


def role_row(pattern, dev):
    """Put words in the slots, with the forms that English wants"""
    words = {"who": rng.choice(WHO_DEV if dev else WHO), "what": rng.choice(WHAT_DEV if dev else WHAT),
             "whom": rng.choice(WHOM_DEV if dev else WHOM), "where": rng.choice(WHERE_DEV if dev else WHERE),
             "give": rng.choice(GIVE), "do": rng.choice(DO), "be": rng.choice(BE)}  # fmt: skip
    if " was [V" in pattern:
        words["do"] = {"forgot": "forgotten", "saw": "seen", "hid": "hidden"}.get(
            words["do"], words["do"]
        )
        objective = {"She": "her", "They": "them", "He": "him"}.get(words["who"], words["who"])
        words["who"] = re.sub(r"^(The|My|Our|A) ", lambda m: m.group().lower(), objective)
        words["what"] = words["what"][0].upper() + words["what"][1:]
        if re.search(r"s$", words["what"]):
            pattern = pattern.replace(" was ", " were ")
    return pattern.format(**words)


def write(name, header, rows):
    with open(HERE / name, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(
            file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None
        )
        writer.writerows([header, *dict.fromkeys(rows)])


persons, persons_dev = split(PERSONS)
places, places_dev = split(PLACES)
kinds = {
    name: ("PER", part)
    for part, some in (("train", persons), ("dev", persons_dev))
    for name in some
}
kinds |= {
    name: ("LOC", part) for part, some in (("train", places), ("dev", places_dev)) for name in some
}
write("names.tsv", ("name", "kind", "part"), [(name, *kinds[name]) for name in sorted(kinds)])

rows = [("train", names_in(each, persons, places)) for each in NAMED for _ in range(6)]
rows += [("dev", names_in(each, persons_dev, places_dev)) for each in NAMED_DEV for _ in range(6)]
write("named.tsv", ("part", "text"), rows)

rows = []
for relation, both in RELATIONS.items():
    for part, patterns in zip(("train", "dev"), both):
        who, where = (persons, places) if part == "train" else (persons_dev, places_dev)
        for pattern in patterns.strip().splitlines():
            rows += [(part, relation, related(pattern, relation, who, where)) for _ in range(7)]
write("relations.tsv", ("part", "relation", "text"), rows)

rows = [("train", role_row(each, dev=False)) for each in ROLES for _ in range(24)]
rows += [("dev", role_row(each, dev=True)) for each in ROLES for _ in range(8)]
write("roles.tsv", ("part", "text"), rows)
