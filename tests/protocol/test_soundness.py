from protocol.soundness import printable


def test_words_of_a_stranger_command_no_terminal_and_no_database():
    assert printable("Fehler\x1b[2J\n im\0 Gerät\u202e") == "Fehler\ufffd[2J\ufffd im\ufffd Gerät\ufffd"
    assert printable("Straße 7, Łódź, вулиця, شارع") == "Straße 7, Łódź, вулиця, شارع"
