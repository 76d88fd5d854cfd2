"""Write small texts in five languages, for docs/languages.md: python docs/language_texts.py FOLDER"""

import sys
from pathlib import Path

# Subjects, deeds and ends of a day; each sentence is one of each, with the language's space and full stop.
PARTS = {
    "german": (
        "Die Köchin|Der Bäcker|Das Mädchen|Mein Großvater|Die müde Lehrerin",
        "wäscht die Äpfel am Brunnen|öffnet die Tür zum Garten|hört den Vögeln zu|sucht den Schlüssel|trägt Brot über die Brücke",
        "Später regnet es|Dann wird es kühl|Am Abend läuten die Glocken|So endet der schöne Tag",
        " ", ". ",
    ),
    "russian": (
        "Моя бабушка|Старый рыбак|Маленький зайчик|Наш учитель|Рыжий кот",
        "идёт через зелёный лес|пьёт чай у тёплой печи|ждёт лодку у реки|ищет свой синий ключ|несёт домой свежий хлеб",
        "Потом идёт дождь|Скоро станет темно|Вечером поёт соловей|Так кончается длинный день",
        " ", ". ",
    ),
    "japanese": (
        "小さな女の子が|私の祖父が|隣の犬が|若い漁師が|古い友達が",
        "川で魚をさがす|庭でリンゴを食べる|窓のそばで雨を見る|橋の上で待っている|パンを家に運ぶ",
        "やがて雪がふる|それから静かになる|夜には鐘がなる|こうして一日が終わる",
        "", "。",
    ),
    "hindi": (
        "मेरा दोस्त|छोटा बच्चा|बूढ़ा किसान|हमारा अध्यापक|थका हुआ यात्री",
        "नदी के पास बैठता है|बगीचे में फूल देखता है|बाज़ार से सब्ज़ी लाता है|पुस्तक ध्यान से पढ़ता है|रास्ते में मित्र से मिलता है",
        "फिर वर्षा होती है|शाम को ठंड बढ़ती है|उसके बाद सन्नाटा छा जाता है|इस प्रकार दिन समाप्त होता है",
        " ", "। ",
    ),
    "chinese": (
        "小女孩|我的爷爷|邻居的狗|年轻的渔夫|老朋友",
        "在河边找鱼|在花园里吃苹果|在窗前看雨|在桥上等朋友|把面包带回家",
        "后来下雪了|然后天黑了|晚上钟声响了|一天就这样结束了",
        "", "。",
    ),
}  # fmt: skip


def make_text(language: str) -> str:
    """Return a hundred stories of two sentences, one a line, four lines a document."""
    *parts, space, stop = PARTS[language]
    subjects, deeds, ends = (part.split("|") for part in parts)
    stories = [f"{subject}{space}{deed}{stop}{end}{stop}".strip() for subject in subjects for deed in deeds for end in ends]
    return "\n\n".join("\n".join(stories[i::25]) for i in range(25)) + "\n"


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for language in PARTS:
        (folder / f"{language}.txt").write_text(make_text(language), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
