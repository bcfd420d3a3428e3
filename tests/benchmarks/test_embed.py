import torch

import embed

TINY = embed.Scale(
    images=6,
    single=2,
    batch=4,
    texts=12,
    single_texts=6,
    rounds=1,
    product=64,
    vision={"image_size": 224, "layers": 1, "width": 16, "head_width": 8, "patch_size": 56},
    text={"context_length": 16, "vocab_size": 49408, "width": 8, "heads": 1, "layers": 1},
)


def test_all_is_measured_and_judged(tmp_path, monkeypatch):
    monkeypatch.delenv("CLIPIT_REAL_DATA", raising=False)
    threads = torch.get_num_threads()
    rows = embed.measure_all(tmp_path, TINY)
    torch.set_num_threads(threads)
    assert [row.target for row in rows] == [0.75, None, 2, 3, None, 1e-5]
    assert all(row.value > 0 for row in rows)
    assert rows[-1].met
    assert "12 synthetic reports" in rows[3].metric
