from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import ids
from protocol.errors import Code, Refused


@pytest.mark.parametrize(
    ("typed", "name"),
    [("Angermünde", "angermuende"), (" Groß Schönebeck ", "gross-schoenebeck"), ("AOK Nordost!", "aok-nordost")],
)
def test_a_slug_from_what_a_person_typed(typed, name):
    assert ids.slug(typed) == name
    assert ids.site_id(name) == ids.agency_id(name) == name


@given(st.text(max_size=60))
def test_a_slug_is_a_name_or_empty_or_the_hub(text):
    name = ids.slug(text)
    assert name in ("", ids.HUB_ID) or len(name) > 63 or ids.site_id(name) == name


@pytest.mark.parametrize("bad", ["", "Templin", "-templin", "templin-", "a" * 64, "temp lin", "hub", "täst", "a\n"])
def test_other_names_are_refused_with_an_example(bad):
    with pytest.raises(Refused, match="is no name for a site") as caught:
        ids.site_id(bad)
    assert caught.value.code is Code.MALFORMED
    with pytest.raises(Refused, match="is no name for an agency"):
        ids.agency_id(bad)


def test_an_example_is_given_even_where_nothing_can_be_mended():
    with pytest.raises(Refused, match="as in “templin”"):
        ids.site_id("???")
    with pytest.raises(Refused, match="as in “schwedt-oder”"):
        ids.site_id("Schwedt/Oder")
    with pytest.raises(Refused, match=r"at most 63 .* as in “a{63}”"):
        ids.site_id("a" * 64)


def test_service_and_area():
    assert ids.service_id("99107023017000") == "99107023017000"
    assert ids.area_id("12073") == "12073"
    for bad in ("", "9910702301700", "9910702301700x", "٩٩١٠٧٠٢٣٠١٧٠٠٠"):
        with pytest.raises(Refused, match="14 digits"):
            ids.service_id(bad)
    for bad in ("", "1", "1" * 13, "12 073"):
        with pytest.raises(Refused, match="2 to 12 digits"):
            ids.area_id(bad)


@pytest.mark.parametrize("typed", ["7K2-418", "7k2-418", " 7k2 418 ", "7K2418", "7K2 -418"])
def test_a_receipt_number_as_people_write_it(typed):
    assert ids.receipt_number(typed) == "7K2-418"


@pytest.mark.parametrize("bad", ["", "7K2", "7K2-41", "7K2-1234567890", "0K2-418", "IK2-418", "7K2-41a", "7K2_418"])
def test_other_texts_are_no_receipt_number(bad):
    with pytest.raises(Refused, match="It looks like 7K2-418"):
        ids.receipt_number(bad)


@given(st.binary(min_size=1, max_size=64))
def test_key_text_and_back(raw):
    text = ids.key_text(raw)
    assert "=" not in text
    assert text == text.lower()
    assert ids.key_bytes(f" {text.upper()}\n", len(raw)) == raw


@given(st.text(max_size=60))
def test_hostile_key_text_is_only_ever_refused(text):
    with suppress(Refused):
        assert ids.key_text(ids.key_bytes(text, 32)) == text.strip().lower()


def test_a_key_of_another_length_or_with_loose_bits_is_refused():
    text = ids.key_text(bytes(32))
    for bad in (text[:-1], text + "a", text[:-1] + "b", ids.key_text(bytes(31))):
        with pytest.raises(Refused, match="is not 32 bytes"):
            ids.key_bytes(bad, 32)


@pytest.mark.parametrize("tag", ["pl", "uk", "de-simple", "hsb", "zh-hant-tw"])
def test_languages_have_the_tags_of_the_web(tag):
    assert ids.language_tag(tag) == tag


@pytest.mark.parametrize("bad", ["", "PL", "p", "polski", "de_simple", "de-", "pl\n", "a1"])
def test_other_tags_are_refused_with_an_example(bad):
    with pytest.raises(Refused, match="is no language") as caught:
        ids.language_tag(bad)
    assert "de-simple" in caught.value.remedy
