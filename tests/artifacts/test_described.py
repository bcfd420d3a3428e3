"""What is told of settings names no place on this machine."""

from clipit.artifacts.described import described


def test_no_path_is_left_and_models_keep_their_names() -> None:
    entry = {
        "path": "/home/someone/images",
        "captions": "/home/someone/captions.csv",
        "image": "local-dir:/home/someone/models/tower",
        "text_tower": "/home/someone/models/text",
        "text": {"policy": "chunks"},
        "size": 224,
    }
    assert described(entry) == {"image": "tower", "text_tower": "text", "text": {"policy": "chunks"}, "size": 224}
    of_words = {"text_tower": {"layers": 2}}
    assert described(of_words) == of_words
