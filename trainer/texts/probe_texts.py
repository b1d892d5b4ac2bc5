"""Texts with which an exported text tower is checked against the tower itself: scripts, signs, and odd lengths."""

_SENTENCES = (
    "a road in the rain",
    "People bathe at the BEACH on a hot Sunday, don't they?",
    "Une forêt d’automne près de l’église",
    "Straßenbahn über die Brücke, 3,5 km entfernt",
    "niños jugando en la plaza mañana por la mañana",
    "Đường phố Hà Nội lúc bình minh",
    "Żółte pole rzepaku pod Łodzią",
    "Λιμάνι με ψαρόβαρκες το βράδυ",
    "Заснеженная деревня у реки",
    "شارع مزدحم في المساء",
    "חוף הים בקיץ",
    "बारिश में एक सड़क",
    "மழையில் ஒரு சாலை",
    "ถนนท่ามกลางสายฝน",
    "雨中的街道和红灯笼",
    "雨の中の道、桜の木の下で",
    "비 오는 거리의 사람들",
    "🌧️ over the 🏙️ and 👩🏽‍🌾 in 🇳🇵",
    "e\u0301te\u0301 vs. été; ﬁne ﬂour; ＦＵＬＬ　ＷＩＤＴＨ",
    '&lt;b&gt;bold&lt;/b&gt; &amp;amp; "quoted" <end_of_text> [SEP]',
    "tabs\tand\nlines\r\nand\x00control\x07 signs\u200b\u202e",
    "a lone \ud83d surrogate and a pair \ud83d\ude00",
    "",
    " \n\t ",
    "x1_y2-z3/4 ~!@#$%^&*()+={}[]|\\:;'<>,.?",
)

PROBE_TEXTS: tuple[str, ...] = tuple(
    form
    for sentence in _SENTENCES
    for form in (
        sentence,
        sentence.upper(),
        f"a photo of {sentence}",
        f"  {sentence}  {sentence} ",
        sentence[: len(sentence) // 2],
        sentence[:1],
        " ".join([sentence] * 9),
        (sentence.replace(" ", "") * 40)[:1000],
    )
)
"""200 of them."""
