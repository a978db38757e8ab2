"""Words for places, and for what a scene is like as a whole."""

__all__ = [
    "ALIKE", "AT", "INSIDE", "LOOKS", "LOOKS_AGAINST", "NO_NOUNS", "ON", "PLACES", "STREETS", "STREETSIDE",
]  # fmt: skip

# Each place by its words, the first of which stands in for others. In ALIKE, each can be one scene with the others.
PLACES = {
    "indoors": "interior, indoors, indoor, indoor scene, inside a building, indoor setting, indoor space",
    "outdoors": "outdoor scene, open air, outdoors, outdoor, open-air, exterior, outdoor setting, outdoor space",
    "kitchen": "kitchen, kitchenette, galley kitchen",
    "dining room": "dining room, dining scene, dining area, dining hall, dining setting, fine-dining setup",
    "living room": "living room, lounge, sitting room, parlour, parlor",
    "bedroom": "bedroom, bed chamber, dormitory, hotel room",
    "bathroom": "bathroom, washroom, shower room",
    "house": "house interior, apartment, flat interior, cottage interior",
    "attic": "attic, loft",
    "cellar": "cellar, basement, vault, crypt, dungeon",
    "corridor": "corridor, hallway, lobby, foyer, passageway",
    "office": "office, open-plan office, cubicle, boardroom, meeting room, conference room, workplace",
    "classroom": "classroom, lecture hall, schoolroom, school, auditorium",
    "laboratory": "laboratory, lab, clean room, cleanroom, research lab",
    "hospital": "hospital, clinic, operating room, operating theatre, hospital ward, surgery room",
    "warehouse": "warehouse, depot, storehouse, storage hall, distribution center, distribution centre, "
    "fulfillment center, "
    "fulfilment centre, logistics hall, stockroom",
    "factory": "factory, plant floor, production hall, assembly line, factory floor, assembly hall, industrial plant, "
    "manufacturing hall, shop floor, production line, foundry, steel mill, refinery",
    "workshop": "workshop, garage, carpentry, tool shop, machine shop, forge, smithy",
    "hangar": "hangar, aircraft hangar",
    "studio": "studio, dance studio, rehearsal studio, photo studio, film studio, recording studio, rehearsal room, "
    "ballroom, dance hall",
    "gym": "gym, gymnasium, climbing gym, fitness studio, sports hall, fitness center, fitness centre, weight room",
    "stadium": "stadium, arena, sports ground, football pitch, racetrack, race track",
    "stage": "theatre, theater, concert hall, opera house, stage set, theatre stage",
    "museum": "museum, gallery, art gallery, exhibition hall",
    "library": "library, reading room, archive",
    "church": "church, cathedral, chapel, temple, mosque, monastery, shrine",
    "castle": "castle, palace, fortress, throne room, citadel",
    "shop": "supermarket, grocery store, shop, shopping mall, mall, boutique, department store, bookstore, bakery",
    "restaurant": "restaurant, cafe, café, bistro, diner, coffee shop, pub, tavern, cafeteria, canteen, nightclub",
    "station": "train station, subway station, metro station, railway station, bus station, subway, metro platform",
    "airport": "airport, airport terminal, runway, tarmac",
    "greenhouse": "greenhouse, glasshouse, conservatory, orangery",
    "tunnel": "tunnel, sewer, underpass",
    "cave": "cave, cavern, grotto, mine shaft",
    "spaceship": "spaceship, space station, spacecraft, starship",
    "space": "outer space, deep space, space scene",
    "moon": "lunar surface, surface of the moon, moonscape",
    "mars": "Martian surface, mars, martian landscape, surface of mars",
    "street": "street, city street+city, urban street+city, "
    "avenue, boulevard, sidewalk, pavement, side street, street scene, "
    "cross-street",
    "city": "city, urban, metropolis, downtown, cityscape, city centre, city center, town, megacity, "
    "metropolitan area, "
    "urban area, city block, inner city",
    "residential": "residential area, residential, suburb, suburban, neighborhood, neighbourhood, suburban street, "
    "residential street",
    "alley": "alley, alleyway, back street, back alley, backstreet",
    "square": "town square, city square, market square, plaza, piazza, courtyard",
    "market": "market, bazaar, street market, marketplace, market hall",
    "rooftop": "rooftop, roof terrace",
    "car park": "parking lot, car park, parking garage",
    "highway": "highway, motorway, freeway, expressway, interstate",
    "bridge": "bridge, viaduct, footbridge",
    "construction site": "construction site, building site",
    "harbour": "harbour, harbor, port, dock, marina, pier, quay, wharf",
    "park": "city park, public park, park, playground",
    "garden": "garden, backyard, back yard, yard, lawn, orchard",
    "farm": "farm, farmyard, barn, farmland, ranch, stables, horse stable, vineyard",
    "field": "meadow, grassland, prairie, pasture, steppe, wheat field, corn field, cornfield, field of wheat, "
    "field of flowers, open field, savanna, savannah, plain field, rice paddy",
    "village": "village, hamlet, countryside, rural area, rural",
    "forest": "forest, forest clearing, woods, woodland, pine forest, grove, taiga, "
    "wood of birches, redwood forest, birch forest, "
    "thicket",
    "jungle": "jungle, rainforest, rain forest, tropical forest, mangrove",
    "swamp": "swamp, marsh, bog, wetland, bayou",
    "desert": "desert, dunes, sand dunes, dune, sahara, wasteland, badlands, sandy desert, desert landscape",
    "canyon": "canyon, gorge, ravine",
    "mountains": "mountains, mountain top, mountaintop, summit, "
    "mountain, mountainside, alps, alpine, mountain range, mountain pass, peak, hillside, "
    "hills, hill, "
    "cliff, volcano",
    "valley": "valley, glen",
    "glacier": "glacier, ice field, tundra, iceberg, arctic, antarctica, antarctic, polar landscape, ice cave",
    "river": "riverbank, river, stream, creek, waterfall, canal",
    "lake": "lake, lakeside, lakeshore, pond",
    "beach": "beach, seashore, shore, seaside, coast, coastline, sandy beach, shoreline, tropical beach, waterfront",
    "sea": "sea, ocean, open sea, high seas",
    "island": "island, atoll",
    "underwater": "seabed, underwater, coral reef, ocean floor, sea floor, under water, seafloor",
}
INSIDE = frozenset((
    "kitchen", "dining room", "living room", "bedroom", "bathroom", "house", "attic", "cellar", "corridor", "office",
    "classroom", "laboratory", "hospital", "warehouse", "factory", "workshop", "hangar", "studio", "gym", "stage",
    "museum", "library", "church", "shop", "restaurant", "greenhouse", "tunnel", "cave", "spaceship",
))  # fmt: skip
# One is on these, and at those; in all others.
ON = frozenset((
    "street", "highway", "beach", "bridge", "rooftop", "farm", "island", "moon", "mars", "stage", "square", "sea",
    "lake", "glacier", "construction site", "underwater",
))  # fmt: skip
# Things of these may stand in those.
STREETSIDE = frozenset((
    "restaurant", "shop", "park", "garden", "church", "office", "station", "market", "museum", "hospital",
))  # fmt: skip
STREETS = frozenset(("street", "city", "square", "market", "residential", "alley", "village"))
AT = frozenset(("harbour", "station", "airport", "stadium"))
# Words for places that are no nouns: another word stands where a noun is needed.
NO_NOUNS = frozenset((
    "underwater", "under water", "urban", "suburban", "residential", "rural", "alpine", "downtown", "indoors", "indoor",
    "outdoors", "outdoor", "open-air", "arctic", "antarctic", "mars",
))  # fmt: skip
ALIKE = {
    "city": "street, residential, alley, square, market, rooftop, car park, bridge, park, highway, construction site, "
    "harbour, stadium, station, airport, river, church, castle, garden",
    "street": "residential, alley, square, market, bridge, village",
    "residential": "garden, village, park, alley",
    "square": "market, village, alley",
    "village": "farm, field, valley, garden, mountains, church, castle, market, bridge, river",
    "farm": "field, valley, garden, river",
    "field": "valley, mountains, river, lake",
    "forest": "mountains, river, lake, valley, jungle, swamp",
    "jungle": "river, swamp, mountains",
    "mountains": "valley, lake, river, glacier, canyon, bridge, castle",
    "beach": "sea, island",
    "sea": "island, harbour, underwater, glacier",
    "desert": "canyon",
    "river": "lake, bridge, valley, canyon, park, garden, swamp, harbour",
    "lake": "park, garden, valley, bridge",
    "bridge": "highway, valley, canyon, field, construction site",
    "highway": "tunnel",
    "house": "kitchen, dining room, living room, bedroom, bathroom, attic, cellar, corridor",
    "dining room": "kitchen, living room, restaurant",
    "corridor": "hospital, laboratory, office, classroom",
    "factory": "workshop",
    "space": "moon, mars, spaceship",
}

# What a whole scene is like: each with the words of its forms, as in moments.py.
LOOKS = {
    "empty": {
        "adj": "empty, deserted, abandoned, desolate, unpopulated, vacant",
        "noun": "emptiness", "state": "The place is empty.",
    },
    "crowded": {
        "adj": "crowded, busy, bustling, packed with people, teeming, thronged, populated",
        "noun": "crowd, throng, mass of people", "state": "The place is crowded.",
    },
    "cartoon": {
        "adj": "cartoon, animated, anime, cel-shaded, hand-drawn, comic-book, pixel-art, claymation",
        "noun": "cartoon, animation, anime, comic, cel animation, pixel art", "state": "It is a cartoon.",
    },
    "painted": {
        "adj": "painted, painterly, impressionist",
        "noun": "oil painting, watercolour, watercolor, painting in oil", "state": "It is painted.",
    },
    "real": {
        "adj": "photorealistic, realistic, live-action, photographic, photo-realistic, lifelike",
        "noun": "photorealism, realism, live action, live-action video, live-action footage", "state": "It looks real.",
    },
    "monochrome": {
        "adj": "black-and-white, monochrome, black and white, greyscale, grayscale, desaturated, sepia, sepia-toned",
        "noun": "black and white, monochrome", "state": "It is black and white.",
    },
    "colourful": {
        "adj": "colourful, colorful, vibrant, multicoloured, multicolored, saturated, vividly coloured",
        "noun": "vivid colours, vibrant colours, vivid colors, vibrant colors", "state": "The colours are vivid.",
    },
    "ruined": {
        "adj": "ruined, derelict, dilapidated, run-down, decayed, crumbling, post-apocalyptic, weathered, rusty",
        "noun": "ruins, decay", "state": "Everything is in ruins.",
    },
    "pristine": {
        "adj": "pristine, brand-new, spotless, immaculate, well-maintained, newly built",
        "noun": "pristine condition", "state": "Everything is new.",
    },
    "futuristic": {
        "adj": "futuristic, sci-fi, cyberpunk, high-tech", "noun": "science fiction", "state": "It is the future.",
    },
    "medieval": {
        "adj": "medieval, ancient, victorian, old-world", "noun": "middle ages", "state": "It is long ago.",
    },
}  # fmt: skip
LOOKS_AGAINST = {
    "empty": "crowded",
    "cartoon": "real, painted",
    "painted": "real",
    "monochrome": "colourful",
    "ruined": "pristine",
    "futuristic": "medieval",
}
