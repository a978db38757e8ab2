"""Words for what things are made of, their colours, their number, and for people, animals, machines and vehicles."""

__all__ = ["ALIKE_NOUNS", "COLOURS", "COUNTS", "LIVING", "MATERIALS", "STOP", "VEHICLES", "WHOLE"]

# The adjective first, then the noun, then other words.
MATERIALS = {
    "wood": "wooden, wood, timber, oak, pine wood, walnut, mahogany, plywood, teak, bamboo, birch, hardwood, oaken, "
    "wood-style, wood-like, wood-grain, cherrywood, driftwood",
    "metal": "metal, metal, metallic, steel, stainless steel, stainless-steel, iron, aluminium, aluminum, chrome, "
    "chromed, "
    "titanium, wrought iron, cast iron, tin, sheet metal, metal-clad, iron-clad, brushed metal",
    "copper": "copper, copper, bronze, brass, bronze-coloured",
    "gold": "golden, gold, gilded, gold-plated, solid gold",
    "silver": "silver-plated, sterling silver, solid silver",
    "marble": "marble, marble, marbled, travertine",
    "stone": "stone, stone, granite, slate stone, limestone, sandstone, cobblestone, stony, rock-hewn, basalt, "
    "flagstone, "
    "cobbled, stonework",
    "concrete": "concrete, concrete, cement",
    "asphalt": "asphalt, asphalt, tarmacked, asphalted",
    "brick": "brick, brick, brickwork, bricks, terracotta, red-brick",
    "glass": "glass, glass, crystal, glassy, crystalline, glazed",
    "plastic": "plastic, plastic, acrylic, polymer, vinyl, pvc, plexiglass, polycarbonate, fibreglass, fiberglass",
    "rubber": "rubber, rubber, rubberised, rubberized, silicone",
    "leather": "leather, leather, suede, leathery",
    "fabric": "fabric, fabric, cloth, cotton, velvet, silk, linen, wool, woollen, textile, felt, upholstered, denim, "
    "satin",
    "paper": "paper, paper, cardboard, papier-mâché, origami, papery",
    "ceramic": "ceramic, ceramic, porcelain, clay, earthenware, tiled, pottery, stoneware",
    "ice": "made of ice, solid ice, icy blue glass",
    "straw": "straw, straw, wicker, rattan, thatched, thatch",
    "tile": "tile, tiles",
    "chocolate": "chocolate, chocolate",
    "lego": "lego, lego, lego bricks, toy bricks",
    "fur": "furry, fur, fluffy, plush",
    "carbon": "carbon-fibre, carbon fibre, carbon fiber, carbon-fiber",
    "diamond": "diamond, diamonds",
}
COLOURS = (
    "black, white, grey, gray, silver, red, crimson, scarlet, maroon, burgundy, pink, magenta, purple, violet, "
    "lilac, orange, "
    "gold, golden, yellow, green, lime, olive, emerald, mint, teal, turquoise, cyan, blue, navy, azure, indigo, beige, "
    "cream, ivory, tan, brown, charcoal, khaki, lavender, peach, amber, copper, bronze, greyish-white, off-white"
)
COUNTS = {
    "sole": 1, "a sole": 1, "solitary": 1,
    "one": 1, "a single": 1, "single": 1, "a lone": 1, "lone": 1, "just one": 1, "two": 2, "a pair of": 2, "pair of": 2,
    "a couple of": 2, "twin": 2, "both": 2, "three": 3, "a trio of": 3, "trio of": 3, "four": 4, "a quartet of": 4,
    "five": 5, "six": 6, "half a dozen": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
    "a dozen": 12, "dozen": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "twenty": 20,
    "thirty": 30, "two dozen": 24, "forty": 40, "fifty": 50, "a hundred": 100, "hundred": 100, "a few": 0, "few": 0,
    "several": 0, "many": 0, "dozens of": 0, "numerous": 0, "countless": 0, "a group of": 0, "a row of": 0,
    "a crowd of": 0,    "multiple": 0, "hundreds of": 0, "a lot of": 0, "lots of": 0,
}  # fmt: skip

# Nouns that mean the same thing, or of which the first is the wider word.
ALIKE_NOUNS = tuple(
    tuple(each.strip() for each in line.split(","))
    for line in (
        "car, sedan, suv, hatchback, automobile, taxi, coupe, convertible, limousine, motorcar",
        "vehicle, car, sedan, suv, hatchback, truck, lorry, van, bus, taxi, pickup, motorcycle, tram",
        "truck, lorry, pickup, pick-up",
        "bike, bicycle, cycle",
        "motorcycle, motorbike, scooter, moped",
        "furniture, table, chair, desk, sofa, bench, shelf, cabinet, stool, cupboard, bookcase, couch, tabletop",
        "table, tabletop, desk, countertop, worktop",
        "sofa, couch, settee",
        "floor, flooring, floorboard, parquet, ground",
        "wall, walls, panelling, paneling",
        "building, house, facade, tower, skyscraper",
        "robot, robotic arm, robot arm, android, humanoid, manipulator, machine, automaton, mech, droid, cyborg",
        "arm, robotic arm, robot arm, manipulator",
        "statue, sculpture, figure, bust",
        "person, man, woman, pedestrian, people, human",
        "dog, puppy, hound",
        "cat, kitten",
        "cup, mug, glass, beaker",
        "bowl, dish, plate, dishware",
        "road, street, roadway, path, lane, track",
        "fence, railing",
        "door, gate",
        "roof, rooftop, ceiling",
        "box, crate, container, carton",
        "shirt, top, t-shirt, blouse, tank top",
        "pants, trousers, leggings, jeans",
        "curtain, drape",
        "boat, ship, vessel",
        "plane, aircraft, airplane, aeroplane, jet",
        "pedestrian, walker, passer-by, passerby",
    )
)

# Beings by kind; the words of one kind never contradict one another, nor do those of `person` and its kinds.
LIVING = {
    "woman": "woman, women, lady, ladies, girl, female, female dancer, businesswoman, grandmother, bride, queen, "
    "princess",
    "man": "man, men, guy, gentleman, boy, male, businessman, grandfather, groom, king, prince, male climber",
    "child": "child, children, kid, toddler, baby",
    "person": "person, people, human, human being, pedestrian, dancer, climber, performer, athlete, worker, driver, "
    "runner, "
    "walker, observer, spectator, cyclist, rider, player, chef, cook, doctor, nurse, soldier, tourist, "
    "skateboarder, skier, snowboarder, swimmer, gymnast, farmer, fisherman, engineer, technician, figure, "
    "bystander, onlooker, commuter, shopper, passenger, customer, visitor, waiter, waitress, hunter, "
    "astronaut, pirate, clown, wizard, witch, ninja, samurai, cowboy, surgeon, mechanic, welder, student, teacher, "
    "adult, teenager, passer-by, passerby, couple, musician, singer, knight, firefighter, policeman, actor",
    "robot": "robot, humanoid robot, android, cyborg, robotic arm, robot arm, automaton, mech, droid, humanoid, "
    "robot dog, quadruped robot, manipulator",
    "alien": "alien, monster, zombie, dragon, dinosaur, skeleton, ghost, troll, ogre, elf, dwarf, fairy, vampire",
    "dog": "dog, puppy, hound, wolf, fox, labrador, terrier, poodle",
    "cat": "cat, kitten, tomcat, lion, tiger, leopard, panther, lioness",
    "horse": "horse, pony, foal, stallion, mare, donkey, zebra, mule, unicorn",
    "cow": "cow, bull, calf, ox, buffalo, bison, sheep, goat, deer, elk, moose, camel, llama, lamb, stag, reindeer",
    "bird": "bird, eagle, crow, parrot, owl, chicken, duck, goose, swan, penguin, pigeon, seagull, ostrich, flamingo",
    "bear": "bear, panda, polar bear, grizzly, gorilla, monkey, ape, chimpanzee, elephant, rhino, hippo, giraffe, "
    "kangaroo, "
    "rabbit, hare, squirrel, mouse, rat, pig, boar",
    "fish": "fish, shark, whale, dolphin, turtle, octopus, jellyfish, seal, crocodile, snake, lizard, frog, spider",
}
VEHICLES = {
    "car": "car, sedan, suv, hatchback, automobile, taxi, coupe, convertible, limousine, sports car, jeep, "
    "police car, race car",
    "truck": "truck, lorry, pickup, pick-up truck, fire truck, tractor, bulldozer, excavator, forklift, "
    "semi-trailer, tank",
    "van": "van, minivan, ambulance, camper van",
    "bus": "bus, minibus, coach bus, double-decker, trolleybus",
    "motorcycle": "motorcycle, motorbike, scooter, moped",
    "bicycle": "bicycle, bike, tricycle",
    "train": "train, locomotive, tram, streetcar, railcar",
    "boat": "boat, ship, sailboat, ferry, yacht, canoe, kayak, gondola, sailing ship",
    "plane": "airplane, aeroplane, aircraft, helicopter, fighter jet, drone, hot-air balloon, airship",
    "cart": "carriage, cart, wagon, chariot, sled, sleigh, rickshaw",
}

# Words that are no part of a noun phrase, and words for the whole scene.
STOP = frozenset((
    "a", "above", "across", "against", "all", "along", "also", "an", "and", "are", "around", "as", "at", "be",
    "become", "becomes", "been", "before", "behind", "being", "below", "beside", "between", "but", "by", "can",
    "change", "changed", "could", "down", "during", "each", "every", "for", "from", "had", "has", "have", "he",
    "her", "here", "his", "i", "if", "in", "instead", "into", "is", "it", "its", "just", "less", "like", "look",
    "looks", "made", "make", "makes", "more", "most", "must", "near", "no", "not", "of", "off", "on", "only",
    "onto", "or", "out", "over", "please", "same", "she", "should", "so", "than", "that", "the", "their", "then",
    "there", "these", "they", "this", "those", "through", "to", "too", "turn", "turned", "turns", "under", "up",
    "very", "was", "we", "were", "when", "where", "which", "while", "who", "whose", "will", "with", "within",
    "without", "would", "you",
))  # fmt: skip
WHOLE = frozenset((
    "all", "entire", "everything", "image", "it", "picture", "place", "scene", "them", "video", "whole", "world",
))  # fmt: skip
