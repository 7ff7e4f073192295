import pickle

import pytest

from protocol.errors import REMEDIES, Code, Mistake, Refused, Trouble, Unavailable


@pytest.mark.parametrize("code", Code)
def test_every_code_tells_the_person_in_charge_what_to_do(code):
    assert REMEDIES[code].endswith(".")
    assert Refused(code, "It was wrong.").remedy == REMEDIES[code]


def test_a_remedy_of_its_own_wins():
    error = Refused(Code.TOO_LARGE, "400 pages.", "Hand in 300.")
    assert str(error) == "400 pages. Hand in 300."


@pytest.mark.parametrize("kind", [Mistake, Unavailable])
def test_the_other_families_carry_what_and_remedy(kind):
    error = kind("The disk is full.", "Free some space.")
    assert isinstance(error, Trouble)
    assert (error.what, error.remedy) == ("The disk is full.", "Free some space.")
    assert str(kind("Without remedy.")) == "Without remedy."


def test_a_refusal_survives_the_way_out_of_a_worker_process():
    error = pickle.loads(pickle.dumps(Refused(Code.BAD_FILE, "Torn.", "Scan it again.")))
    assert (error.code, error.what, error.remedy) == (Code.BAD_FILE, "Torn.", "Scan it again.")
