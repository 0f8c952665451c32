"""Characters that an eye takes for ASCII and that no normalisation turns into it.

Made by looking at the Unicode charts, after the idea of Unicode TR 39 ("confusables"); what NFKC
turns into ASCII (mathematical alphabets, full-width forms, Roman numerals) is not repeated here.
"""

# ruff: noqa: RUF001 - characters that look like others are what this is about

from collections.abc import Mapping

_CYRILLIC = "абегорсухѕіјһӏԁԛԝѵѡүҽАВЕЗІЈКМНОРСТУХЬЅҮӀԚԜԌѴҺ"
_GREEK = "αγικνορσυϳΑΒΕΖΗΙΚΜΝΟΡΤΥΧϺϜͿ"
_ARMENIAN = "ազհյոռսցւքօԼՍՏՕ"
_CHEROKEE = "ᎠᎡᎢᎥᎩᎪᎫᎬᎳᎷᎻᎽᏀᏂᏃᏎᏏᏒᏔᏕᏙᏚᏞᏟᏢᏦᏧᏳᏴ"
_LISU = "ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ"
_COPTIC = "ⲞⲟⲢⲣⲤⲥⲎⲒⲔⲘⲚⲦⲨⲬⲂⲈⲌ"

LETTERS: Mapping[str, frozenset[str]] = {
    "CYRILLIC": frozenset(_CYRILLIC),
    "GREEK": frozenset(_GREEK),
    "ARMENIAN": frozenset(_ARMENIAN),
    "CHEROKEE": frozenset(_CHEROKEE + _CHEROKEE.lower()),
    "LISU": frozenset(_LISU),
    "COPTIC": frozenset(_COPTIC),
}
"""By script, the letters that look like a letter or a digit of ASCII.

A script's key is the first word of the Unicode names of its letters.
"""

_LATIN = "ıɡɑɩɪʏʟʀɴʙʜƖǀǃƽȢȣᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢꜱꜰꞮꝸʔ"
_DOTS = "\u0701\u0702\ua60e\ua4f8\u0660\u06f0"
_COLONS = "\u02d0\u02f8\u0589\u05c3\u0703\u0704\u16ec\u1803\u1809\u205a\u2236\ua4fd\ua789"
_SLASHES = "\u1735\u2041\u2044\u2215\u2571\u27cb\u29f8\u2cc6\u3033\u4e3f"
_BACKSLASHES = "\u2216\u2572\u27cd\u29f5\u29f9\u4e36"
_HYPHENS = "\u02d7\u058a\u1806\u2010\u2012\u2013\u2043\u2212\u2796\u2cba"
_QUOTES = (
    "\u02b9\u02bb\u02bd\u02be\u02bf\u02c8\u02ca\u02cb\u055a\u05f3\u07f4\u07f5\u2018\u201b\u2032\u2035"
    "\ua78c\u02ba\u02ee\u05f2\u05f4\u201c\u201d\u201f\u3003"
)
_OTHERS = (
    "\u066b\u201a"  # commas
    "\u066d\u204e\u2217"  # asterisks
    "\u223c"  # a tilde
    "\u05c0\u2223\u23d0\u2758"  # upright lines
    "\u2768\u2769\u2772\u2773\u2774\u2775\u3014\u3015"  # brackets
    "\u02c2\u02c3\u1433\u1438\u16b2\u2039\u203a\u276e\u276f"  # less and more
    "\u1400\u2e40\u30a0\ua78a"  # equals
    "\u16ed\u2795\u02c4\u02c6\u07fa\u066a\u2052"  # plus, caret, underline, percent
)

ALWAYS = frozenset(
    _LATIN + _DOTS + _COLONS + _SLASHES + _BACKSLASHES + _HYPHENS + _QUOTES + _OTHERS
)
"""Latin letters, and marks between words, that look like ASCII wherever they stand."""

APOSTROPHES = frozenset("\u2019\u02bc")
"""They look like `'`, and are ordinary between two letters: `l’eau`."""
LONG_DASHES = frozenset("\u2014\u2015")
"""They look like `--` before a word, as in `—force`, and are ordinary elsewhere."""
EAST_ASIAN = frozenset("\uff0c\uff01\uff1f\uff1a\uff1b\uff08\uff09\uff5e")
"""Full-width marks that are ordinary beside East Asian letters."""
ORDINARY = frozenset("\u0e33\u0eb3\u0587")
"""Ordinary letters of Thai, Lao and Armenian that NFKC takes apart and does not put together."""
TYPOGRAPHIC = frozenset("“”„‘’‚«»‹›–—…")
"""What people and models write in running text, and phones by themselves."""
