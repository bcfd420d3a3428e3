from clipit.corpus.word_removal import remove_words

TEXT = "\n".join(" ".join(f"w{line}_{i}" for i in range(50)) for line in range(20))


def test_about_so_many_words_go_and_the_rest_keep_their_order_and_lines() -> None:
    kept = remove_words(TEXT, 30, "report")
    words = TEXT.split()
    assert 0.6 < len(kept.split()) / len(words) < 0.8
    at = [words.index(word) for word in kept.split()]
    assert at == sorted(at)
    assert all(len({word.split("_")[0] for word in line.split()}) == 1 for line in kept.split("\n"))


def test_what_more_leaves_out_holds_what_less_does() -> None:
    little, much = (set(remove_words(TEXT, share, "report").split()) for share in (10, 50))
    assert much < little


def test_the_draw_is_the_report_s_own() -> None:
    assert remove_words(TEXT, 30, "a") == remove_words(TEXT, 30, "a") != remove_words(TEXT, 30, "b")


def test_nothing_goes_at_zero_and_a_word_stays_of_every_text() -> None:
    assert remove_words(TEXT, 0, "a") == TEXT
    assert all(remove_words("one two", 99, str(i)) in ("one", "two", "one two") for i in range(200))
