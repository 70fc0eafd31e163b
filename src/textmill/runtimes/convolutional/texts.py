"""Texts on which a compiled recogniser must equal the one it replaces: many scripts, lengths and oddities."""

from __future__ import annotations

from collections.abc import Iterator

SENTENCES = (
    "Angela Merkel met Emmanuel Macron in Paris on Tuesday, 3 May 2019, to discuss a $5.3 billion loan.",
    "Apple said its third-quarter profit rose 12% to 21.4 billion dollars, beating Wall Street's estimates.",
    'The U.S. Senate voted 52-48 for "the Clean Water Act" late on Friday night; Sen. O\'Neill objected.',
    "Dr. Jane A. Smith-Jones, Ph.D., joined Acme Corp. (NYSE: ACM) at 10 a.m. in St. Louis, Mo.",
    "At least 1,200 people fled the floods near the Mekong Delta, the United Nations and UNICEF reported.",
    "Who's that? It's the Rolling Stones' first U.K. tour since 1998, isn't it?",
    "Shares of Toyota Motor Corp fell 3.5 percent in Tokyo, while the Nikkei 225 lost about 400 points.",
    "He read War and Peace in the Library of Congress twenty-two years ago and never forgot it.",
    "The Boeing 737 MAX flew 2,500 miles from Seattle to Miami on its second test, Reuters said.",
    "Barcelona beat Real Madrid 3-2 at Camp Nou after Lionel Messi scored in the 89th minute.",
    "Visit https://example.org/a?b=c&d=1 or write to jane.doe@example.org before Dec. 31st, 2024!",
    "LONDON (Reuters) - Britain's FTSE 100 index slipped on Monday as oil prices dropped below $70 a barrel.",
    "Le président Emmanuel Macron s'est rendu à Marseille jeudi 12 mars pour rencontrer l'équipe d'Airbus.",
    "Aujourd'hui, la Banque de France n'a pas relevé ses taux, a-t-on appris auprès de Jean-Pierre Dupont.",
    "Die Deutsche Bahn hat am Montag in Berlin mitgeteilt, dass 250 Züge zwischen Köln und Bonn ausfallen.",
    "El Real Madrid ganó en Bogotá por 3 a 1 ante 45.000 espectadores, según informó la agencia EFE.",
    "Il Papa Francesco è arrivato a Città del Vaticano con il presidente Sergio Mattarella l'8 dicembre.",
    "A Petrobras anunciou no Rio de Janeiro um lucro de R$ 12,5 bilhões no terceiro trimestre de 2021.",
    "De Nederlandsche Bank verwacht volgens Klaas Knot in 's-Gravenhage een groei van 1,5 procent.",
    "Statsminister Mette Frederiksen besøgte Grønland og Færøerne sammen med Ålborg Universitet.",
    "Premier Mateusz Morawiecki spotkał się w Łodzi z przedstawicielami spółki Orlen.",
    "Cumhurbaşkanı Ankara'da İstanbul Üniversitesi rektörüyle 29 Ekim'de görüştü.",
    "Владимир Высоцкий родился в Москве 25 января 1938 года и работал в Театре на Таганке.",
    "Президент України Володимир Зеленський прибув до Києва у вівторок.",
    "Ο Κυριάκος Μητσοτάκης επισκέφθηκε τη Θεσσαλονίκη στις 8 Σεπτεμβρίου.",
    "وصل الرئيس إلى القاهرة يوم الثلاثاء للقاء مسؤولي الأمم المتحدة.",
    "ראש הממשלה נפגש בתל אביב עם נציגי חברת אינטל ביום ראשון.",
    "प्रधानमंत्री नरेंद्र मोदी ने सोमवार को नई दिल्ली में भारतीय रिज़र्व बैंक की बैठक की।",
    "安倍晋三は2019年5月1日に東京でトヨタ自動車の社長と会談した。",
    "习近平周二在北京会见了联合国秘书长古特雷斯。",
    "문재인 대통령은 5월 3일 서울에서 삼성전자 이재용 부회장을 만났다.",
    "นายกรัฐมนตรีเดินทางถึงกรุงเทพมหานครเมื่อวันจันทร์",
    "Thủ tướng Phạm Minh Chính đến Hà Nội ngày 2 tháng 9.",
)

ODDITIES = (
    " ",
    "\n",
    " \t\n\r\n ",
    "\u00a0\u2003\u3000",
    ".",
    "!?!?!",
    "\u2026",
    "1",
    "Paris",
    " Paris ",
    "Paris.\n",
    "\n\nNew York\n\nNew York City",
    "New\nYork  Times\tCompany",
    "a",
    "I",
    "U.S.",
    "$",
    "100%",
    ":) :-( ;-D ^_^ (-: <3 : ) :\n) o.O",
    "who 's there ? He 's from the U. S. A . : D ( : ' ' \" \" - > .",
    "don't can't won't shan't y'all'd've 'Tis 'cause I'm",
    "10a.m. 5p.m. 8 p.m. 12a.m . 3 a.m",
    "(\u256f\u00b0\u25a1\u00b0\uff09\u256f\ufe35\u253b\u2501\u253b and \u00af\\(\u30c4)/\u00af",
    "((((Washington)))) [[Berlin]] {{Rome}} <<Oslo>>",
    "Jean-Claude Van Damme--the actor--and/or Sylvester Stallone/Arnold Schwarzenegger",
    "\u201cMr. Obama,\u201d she said, \u2018isn\u2019t in \u00abOslo\u00bb\u2019.",
    "caf\u00e9 cafe\u0301 na\u00efve nai\u0308ve A\u0301ngstro\u0308m",
    "zero\u200bwidth\u200djoiner\ufeff and soft\u00adhyphen in New\u200bYork",
    "\U0001f1fa\U0001f1f8 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f600",
    "in \U0001d40f\U0001d41a\U0001d42b\U0001d422\U0001d42c",
    "\x00 \x01\x7f \x1c \x85 \u2028 \u2029 control",
    "\uff2e\uff45\uff57 \uff39\uff4f\uff52\uff4b \u2460 \u216b \u00bd \u0661\u0662\u0663",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "x" * 500,
    "- " * 60,
    "Paris " * 60,
    "New York Times Company " * 20,
    "1999-01-01T12:00:00Z 12:30 3/4/05 +49 30 1234567 0x1F 1e-9 #hashtag @handle",
    "<p>Tim&nbsp;Cook</p> \\n {'a': 1} C:\\Windows a_b __init__ x==y",
    "JOHN SMITH FROM NEW YORK JOINED IBM ON MONDAY",
    "john smith from new york joined ibm on monday",
)


def verification_texts() -> Iterator[str]:
    """All texts of the verification set, none of them empty."""
    yield from SENTENCES
    yield from ODDITIES
    yield from (sentence.upper() for sentence in SENTENCES[::2])
    yield from (sentence.lower() for sentence in SENTENCES[1::2])
    yield from (sentence.replace(" ", "  ").replace(",", "\n") for sentence in SENTENCES[::3])
    yield from (sentence[: len(sentence) // 2] for sentence in SENTENCES[::3])
    yield from (f"{sentence} {odd}" for sentence, odd in zip(SENTENCES, reversed(ODDITIES), strict=False))
    yield " ".join(SENTENCES)
    yield "\n\n".join(SENTENCES[:12] * 3)
