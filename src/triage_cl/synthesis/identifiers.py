"""Identifiers that look real and belong to nobody: valid check digits, number ranges reserved for fiction."""

from random import Random

#: Landline and mobile ranges that regulators keep for film and print (Ofcom, Bundesnetzagentur, ARCEP);
#: Spain reserves none, so its numbers begin with an unassigned 555. `#` is a digit.
_PHONES = {
    "en": ("+44 20 7946 0###", "020 7946 0###", "07700 900###", "+44 7700 900###", "0113 496 0###", "+1 202-555-01##"),
    "de": ("+49 30 23125 ###", "030 23125###", "030/23125-###", "+49 40 66969 ###", "089 99998 ###", "+49 171 39200##"),
    "fr": ("+33 1 99 00 ## ##", "01 99 00 ## ##", "06 39 98 ## ##", "+33 6 39 98 ## ##", "04.65.71.##.##"),
    "es": ("+34 555 01 ## ##", "+34 555 0## ###", "0034 555 0## ###"),
}
#: Basic bank account numbers by country (ISO 13616); `#` is a digit. No bank has these codes.
_ACCOUNTS = {
    "en": (("GB", "HLVN" + "#" * 14), ("IE", "HLVN" + "#" * 14)),
    "de": (("DE", "99" + "#" * 16), ("AT", "99" + "#" * 14)),
    "fr": (("FR", "99" + "#" * 21),),
    "es": (("ES", "99" + "#" * 18),),
}
_CARDS = ("4###############", "51##############", "54##############")


def _filled(rng: Random, pattern: str) -> str:
    return "".join(str(rng.randrange(10)) if sign == "#" else sign for sign in pattern)


def grouped(text: str, size: int = 4, separator: str = " ") -> str:
    """`text` in groups of `size` characters."""
    return separator.join(text[start : start + size] for start in range(0, len(text), size))


def phone(rng: Random, language: str) -> str:
    """A telephone number as people of that language write it, from a range that reaches nobody."""
    return _filled(rng, rng.choice(_PHONES[language]))


def iban(rng: Random, language: str) -> str:
    """An IBAN of a bank that does not exist, without spaces; check digits by ISO 7064, MOD 97-10."""
    country, pattern = rng.choice(_ACCOUNTS[language])
    account = _filled(rng, pattern)
    return f"{country}{98 - iban_remainder(country + '00' + account):02d}{account}"


def iban_remainder(iban: str) -> int:
    """What is left when the rearranged IBAN is divided by 97: 1 if its check digits are right (ISO 13616)."""
    rearranged = iban[4:] + iban[:4]
    return int("".join(str(int(sign, 36)) for sign in rearranged)) % 97


def card(rng: Random) -> str:
    """A payment card number of 16 digits without spaces; the last is its check digit (ISO/IEC 7812-1, Luhn)."""
    digits = _filled(rng, rng.choice(_CARDS))[:15]
    return digits + str(-luhn_sum(digits + "0") % 10)


def luhn_sum(digits: str) -> int:
    """The Luhn sum of a card number: a multiple of ten if its check digit is right (ISO/IEC 7812-1)."""
    doubled = (int(digit) * 2 for digit in digits[-2::-2])
    return sum(int(digit) for digit in digits[-1::-2]) + sum(value - 9 * (value > 9) for value in doubled)
