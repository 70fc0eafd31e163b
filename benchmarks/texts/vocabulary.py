"""The words of the invented texts. People and firms are made up; places and currencies are not."""

from __future__ import annotations


def words(text: str) -> tuple[str, ...]:
    """Split a block of entries at bars and line ends."""
    return tuple(entry.strip() for line in text.splitlines() for entry in line.split("|") if entry.strip())


def paragraphs(text: str) -> tuple[str, ...]:
    """Split a block at empty lines; a line end within a paragraph is a space."""
    return tuple(" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))


FIRST = words("""
Amara|Bjorn|Caitlin|Dmitri|Elena|Farid|Grace|Hiroshi|Imani|Javier|Katarzyna|Liam
Mei-Ling|Nadia|Oluwaseun|Priya|Quentin|Rosa|Stefan|Tamsin|Umberto|Valérie|Wendell|Ximena
Yusuf|Zoë|Sean|Ingrid
""")

LAST = words("""
Abernathy|Blackwood|Castellanos|Dlamini|Eriksson|Fontaine|Gupta|Hargreaves|Ivanova
Jankowski|Kaplan|Lindqvist|McAllister|Nakamura|O'Rourke|Petrović|Quigley|Rasmussen
Santangelo|Thornbury|Underhill|Vasquez|Whitcombe|Xu|Yamashita|Zielinski|de la Cruz
van den Berg|Al-Hashimi|Müller
""")

ROLE = words("""
spokeswoman|chief executive|lead author|mayor|head coach|finance minister|union leader
analyst|curator|marine biologist|volunteer|defence lawyer|head teacher|project manager|nurse
farmer|prosecutor|economist
""")

PLACE = words("""
Lisbon|Nairobi|Osaka|Montevideo|Gdansk|Halifax|Chiang Mai|Marseille|Tashkent|Portland
Queensland|Bavaria|Sicily|the Scottish Highlands|New Zealand|Botswana|São Paulo
northern Italy|Rotterdam|Wellington|the Baltic Sea|Texas|South Korea|Patagonia|Leeds
Helsinki|Casablanca|Nova Scotia|Jakarta|the Danube|Lake Victoria|Bristol|Vermont|Peru
""")

FIRM_HEAD = words("""
Meridian|Oakvale|Northgate|Bluefin|Corvus|Helix|Larkspur|Silverline|Tamarind|Vantage
Westmoor|Arcadia|Kestrel|Palisade|Quillon|Sundial|Redfern|Ironbridge|Juniper|Halcyon
""")

FIRM_TAIL = words("""
Airlines|Bank|Energy|Pharmaceuticals|Logistics|Motors|Foods|University
Institute of Technology|Telecom|Insurance Group|Football Club|Museum|Water Company|Robotics
Health Trust|Shipping Lines|Publishing
""")

WEEKDAY = words("Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday")

MONTH = words("January|February|March|April|May|June|July|August|September|October|November|December")

PRAISE = words("""
an outstanding piece of work|a rare and welcome success|far better than anyone had dared to hope
a brilliant, generous idea|a triumph of patience|remarkably good value
warm, funny and beautifully made|the most promising result in a decade
a delight from beginning to end|an enormous relief for local families
""")

BLAME = words("""
a costly and embarrassing failure|a dull, lifeless disappointment
worse than the system it replaced|a shameful waste of public money|careless at best
the weakest showing in years|badly planned and poorly explained|an insult to loyal customers
frankly unsafe|a mess that nobody wants to own
""")

THING = words("""
harbour bridge|vaccine trial|coastal railway|solar farm|budget proposal|documentary
school programme|satellite launch|fishing quota|orchestra tour|housing scheme
drought relief plan|mobile app|archive of letters|hospital wing|wind turbine|ferry service
chess tournament|cheese festival|data centre|translation project|reef survey
""")

STUDY = words("""
coral larvae|urban foxes|sleep in teenagers|medieval tax records|soil bacteria|honeybee dances
sea ice|childhood asthma|lithium recycling|bird migration|second languages|rice yields
glacier melt|antibiotic resistance
""")

FINDING = words("""
recover far more quickly than expected|depend on rainfall in early spring
vary widely between regions|have changed little since the 1950s|respond to very small doses
can be predicted a week ahead|follow a pattern that older instruments missed
are less common than official statistics suggest
""")

CAUSE = words("""
heavy rain flooded the access road|a supplier went bankrupt
inspectors found cracks in the concrete|talks over pay broke down|a software update went wrong
the judge asked for more evidence|ticket sales doubled overnight
volunteers offered to pay for the repairs|fuel prices rose again|a storm tore off part of the roof
""")

CONSEQUENCE = words("""
thousands of commuters were stranded|the opening was postponed until further notice
shares fell in early trading|residents celebrated in the main square
the committee will meet again next week|hundreds of jobs are now at risk
the team plans to publish its data|schools closed for the day|insurers expect record claims
the record stood for only eleven minutes
""")

SAYING = words("""
nobody should have to wait that long for an answer
we learned more from the mistakes than from the plan|this is only the beginning
the numbers speak for themselves|our first duty is to the people who live here
it was the best week of my working life|I would not have believed it without the photographs
they promised us the moon and delivered a leaflet|we will appeal, and we expect to win
""")

CURRENCY = words("€|$|£|¥|A$")

UNIT = words("kilometres|visitors|tonnes|households|acres|passengers|samples|litres")

MAGNITUDE = words("million|billion")
