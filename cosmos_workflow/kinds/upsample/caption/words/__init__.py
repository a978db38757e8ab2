"""Tables of English words: what people say of time, weather, season, place, light, look and things.

A value (`night`) has its words by form, separated by commas; the first of each form is what a text gets in the place of
a word of another value. The forms are parts of speech, and more for light, so that a sentence stays one:
`noun` (night), `adj` (night-time), `when` (at night), `light` (moonlight), `lit` (moonlit), `level` (dim), `sky` (night
sky), `sun` (the moon), `ing` (snowing), `ground` (snow-covered), `leaf` (bare), and `state`, a whole sentence.
"""
