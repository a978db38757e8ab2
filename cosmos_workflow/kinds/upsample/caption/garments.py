"""What people wear, by the part of the body that it covers."""

from __future__ import annotations

from cosmos_workflow.kinds.upsample.caption.lexicon import alternation, plural

__all__ = ["GARMENT", "PART_OF"]

# Garments by the part of the body that they cover; a whole one covers upper and lower ones too.
GARMENTS = {
    "over": "apron",
    "upper": "top, tank top, shirt, t-shirt, blouse, sweater, pullover, hoodie, jacket, coat, raincoat, vest, "
    "cardigan, blazer, parka, jersey",
    "lower": "pants, trousers, leggings, jeans, skirt, shorts, slacks",
    "whole": "dress, suit, uniform, robe, gown, costume, armour, armor, overalls, tracksuit, spacesuit, kimono",
    "feet": "shoes, boots, sneakers, trainers, sandals, heels, slippers",
    "head": "hat, cap, helmet, hood, beanie, turban",
    "hands": "gloves, mittens",
}
PART_OF = {word.strip(): part for part, words in GARMENTS.items() for word in words.split(",")}
GARMENT = rf"(?:{alternation([*PART_OF, *(plural(word) for word in PART_OF if not word.endswith('s'))])})"
