"""Trains three tiny SentencePiece BPE models with byte fallback and writes what the sentencepiece library (0.1.97) makes of awkward texts.

plain: as InternLM2.5's switches are expected; space: with the dummy prefix; unused: plain, with every third piece marked unused.
python3 make.py OUT
"""
import io
import json
import sys

import sentencepiece as spm

CORPUS = """The child counts three red circles and two blue squares on the table.
There are five circles, so the answer is 5. The price of an apple is 3 and of a pear is 12.
A bar chart shows how many books each of the children has read in the summer.
The angle between the two lines is thirty degrees, the other angles of the triangle are equal.
数一数图里有几个圆形，再把它们的价格加起来。答案是五。图中有三个红色的圆形和两个蓝色的正方形。
The reader thinks step by step and then gives the answer in a box: \\boxed{15}.
Where nothing is written, nothing is known; the other numbers are in the picture.
thinking, counting, reading, adding, answering, showing, seeing
""".splitlines()

TEXTS = [
    "", " ", "  ", "   three spaces first", "spaces  inside   and   last  ", "The child counts three red circles.", "the answer is 15", "\n", "a\nb\n\nc\r\n\td",
    "数一数图里有几个圆形。", "漢字とかな한글", "🙂 👩‍👩‍👧 🇩🇪", "e\u0301 é ﬁ ½ ①", "\u2581already\u2581marked", "\u00a0no\u2003break\u200b", "\u0000nul\u0007bell", "\ufffd", "𝑥²+𝑦² = 1",
    "[UNUSED_TOKEN_1]", "a [UNUSED_TOKEN_1][UNUSED_TOKEN_1] b", "<think>the answer</think>", "x<think>", "<s>not a mark</s><unk>", "<0x0A> is not a byte", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "answering answeranswering theThe THE tHe", "1234567890", "\\boxed{15}.", "....,,,,;;;", "counts" * 20, "ththththth the the the",
]


def train(**options):
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=model, model_type="bpe", vocab_size=400, byte_fallback=True, character_coverage=0.98, num_threads=1, split_digits=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, user_defined_symbols=["[UNUSED_TOKEN_1]", "<think>"], minloglevel=2, **options)
    return model.getvalue()


def switch_off(model):
    """Marks every third ordinary piece of several characters as unused: field 3 of the piece, the type, becomes 5. Pieces are field 1 and shorter than 128 bytes."""
    result, at, number = b"", 0, 0
    while model[at] == 0x0A:
        piece = model[at + 2:at + 2 + model[at + 1]]
        text = piece[2:2 + piece[1]].decode()
        number += 1
        is_ordinary = len(text) > 1 and piece[2 + piece[1]] == 0x15 and len(piece) == 7 + piece[1]
        if is_ordinary and number % 3 == 0:
            piece += b"\x18\x05"
        result += bytes([0x0A, len(piece)]) + piece
        at += 2 + model[at + 1]
    return result + model[at:]


def write(out, name, processor):
    with open(f"{out}/{name}.model", "wb") as file:
        file.write(processor.serialized_model_proto())
    with open(f"{out}/{name}.jsonl", "w", encoding="utf-8") as file:
        for text in TEXTS:
            ids = processor.encode(text)
            file.write(json.dumps({"text": text, "ids": ids, "decoded": processor.decode(ids)}) + "\n")


def main(out):
    plain = train(add_dummy_prefix=False)
    write(out, "plain", spm.SentencePieceProcessor(model_proto=plain))
    write(out, "space", spm.SentencePieceProcessor(model_proto=train(add_dummy_prefix=True)))
    write(out, "unused", spm.SentencePieceProcessor(model_proto=switch_off(plain)))


if __name__ == "__main__":
    main(sys.argv[1])
