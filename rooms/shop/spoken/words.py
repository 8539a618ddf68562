"""The words with which people buy in four languages; folded where they are used."""

from __future__ import annotations

STRONG_BEFORE = (
    # English, and what live sellers taught their viewers to write.
    *("buy", "buying", "i buy", "i'll buy", "ill buy", "i will buy", "i'm buying", "im buying"),
    *(
        "i want to buy",
        "i wanna buy",
        "i'd like to buy",
        "i would like to buy",
        "i'd like to order",
    ),
    *("i would like to order", "i want to order", "i order", "purchase", "sold", "cf"),
    # Japanese
    *(
        "買う",
        "買います",
        "買いまーす",
        "買うよ",
        "買うね",
        "買いますね",
        "買いたい",
        "買いたいです",
    ),
    *("購入", "購入します", "購入希望", "購入希望です", "購入したい", "購入したいです"),
    *("注文", "注文します", "かう", "かいます"),
    # Thai
    *("ซื้อ", "ขอซื้อ", "อยากซื้อ", "ต้องการซื้อ", "จะซื้อ", "เอา", "ขอ", "ขอสั่ง", "สั่ง", "สั่งซื้อ"),
    *("รับ", "จอง"),
    # Arabic
    *("اشتري", "أشتري", "سأشتري", "بشتري", "هشتري", "أريد", "أريد شراء", "أريد أن أشتري", "شراء"),
    *("عايز", "عايزة", "عاوز", "عاوزة", "عايز اشتري", "عاوز اشتري", "ابغى", "ابغى اشتري", "أبي"),
    *("بدي", "بدي اشتري", "أطلب", "احجز"),
)
"""They stand before the code and mean it."""

STRONG_AFTER = (
    *(
        "買う",
        "買います",
        "買いまーす",
        "買うよ",
        "買うね",
        "買いますね",
        "買いたい",
        "買いたいです",
    ),
    *("購入", "購入します", "購入希望", "購入希望です", "購入したい", "購入したいです"),
    *("注文", "注文します", "ください", "下さい", "かいます"),
    *("ซื้อ", "ขอซื้อ", "อยากซื้อ", "ต้องการซื้อ", "จะซื้อ", "เอา", "สั่ง", "สั่งซื้อ", "จอง"),
    *("اشتري", "أشتري", "سأشتري", "بشتري", "هشتري", "أريد", "عايز", "عايزة", "عاوز", "عاوزة"),
    *("ابغى", "بدي", "cf"),
)
"""The same after the code. "12 sold" also tells how many were: it is asked back."""

WEAK_BEFORE = (
    *("i want", "i need", "want", "need", "i'll take", "ill take", "i will take", "i'd like"),
    *("i would like", "mine", "order"),
    *("欲しい", "ほしい"),
    *("อยากได้", "ต้องการ"),
    *("محتاج", "محتاجة", "خذ", "طلب"),
)
WEAK_AFTER = (
    *("sold", "buy", "please", "pls", "plz", "mine", "i want", "i'll take"),
    *("欲しい", "欲しいです", "ほしい", "ほしいです", "お願いします", "おねがいします", "お願い"),
    *("อยากได้", "ต้องการ"),
    *("من فضلك", "لو سمحت"),
)
"""People also say these without buying: with a whole order beside them it is asked back."""

LEADS = (
    *("ok", "okay", "yes", "hi", "hello", "please", "pls", "plz", "me too"),
    *("はい", "じゃあ", "では", "私も", "わたしも", "私は", "すみません", "お願いします"),
    *("ผม", "ฉัน", "หนู", "เรา", "ดิฉัน", "พี่", "สวัสดีค่ะ", "สวัสดีครับ"),
    *("نعم", "مرحبا", "أنا", "لو سمحت", "من فضلك", "السلام عليكم"),
)
TAILS = (
    *("please", "pls", "plz", "now", "thanks", "thx", "ty", "thank you"),
    *("お願いします", "おねがいします", "お願い", "ください", "下さい", "です", "で"),
    *("ครับ", "คับ", "ค่ะ", "คะ", "ค่า", "จ้า", "จ้ะ", "นะ", "นะคะ", "นะครับ", "ด้วย", "หน่อย", "เลย"),
    *("من فضلك", "لو سمحت", "رجاء", "شكرا"),
)
"""Politeness before and after an order."""

PARTICLES = ("を", "も", "は", "で", "が", "、", ",")
"""What may stand between the thing and a buying word after it."""

DOUBTS = (
    *("ない", "りません", "いません", "えません", "なかった", "やめ", "いくら", "かな", "けど"),
    *("ไม่", "ไหม", "มั้ย", "มัย", "หรือ", "เท่าไหร่", "เท่าไร", "กี่", "แล้ว", "อย่า"),
    *("?", "？", "؟"),
)
"""Wherever one of these stands, nothing is bought and nothing is asked."""
DOUBT_WORDS = (
    *("not", "don't", "dont", "never", "how", "if", "who", "why", "what", "won't", "wont"),
    *("لا", "ما", "مش", "مو", "لن", "لم", "هل", "كم", "بكم", "ليس", "بدون"),
)
"""The same as whole words."""
UNSURE_SPELLINGS = ("اشترى",)
"""Also "he bought", until folding makes it the same as "I buy"."""

CODE_MARKS = (
    *("#", "no.", "no", "number", "code", "item", "product"),
    *("番号", "商品", "コード"),
    *("รหัส", "เบอร์", "หมายเลข", "ตัวที่"),
    *("رقم", "كود", "المنتج", "منتج"),
)
"""They may stand before a code."""
AFTER_CODE = ("番の", "番を", "番", "の", "を")
VARIANT_MARKS = (
    *("size", "in", "colour", "color", "サイズ", "色", "ไซส์", "ไซซ์", "ไซด์", "สี", "แบบ"),
    *("مقاس", "قياس", "لون", "بلون", "اللون"),
)
AFTER_VARIANT = ("サイズ", "size", "の", "を", "色")

TIMES = ("x", "×", "*", "✕", "✖", "qty", "数量", "จำนวน", "عدد", "العدد")
"""They stand before a quantity; the first five also after it."""
UNITS = (
    *("x", "×", "pcs", "pc", "pieces", "piece", "sets", "set", "個", "こ", "コ", "つ", "点", "枚"),
    *("本", "着", "箱", "袋", "足", "セット"),
    *("ชิ้น", "ตัว", "อัน", "กล่อง", "ขวด", "คู่", "แพ็ค", "แพค", "ชุด", "ใบ", "เซ็ต", "ซอง", "ผืน"),
    *("قطعة", "قطع", "حبة", "حبات", "علبة", "علب"),
)
COUNTED = {
    "one": 1,
    "two": 2,
    "three": 3,
    "一つ": 1,
    "二つ": 2,
    "三つ": 3,
    "ひとつ": 1,
    "ふたつ": 2,
    "みっつ": 3,
    "หนึ่งชิ้น": 1,
    "สองชิ้น": 2,
    "สามชิ้น": 3,
    "หนึ่งตัว": 1,
    "สองตัว": 2,
    "สามตัว": 3,
    "قطعة واحدة": 1,
    "قطعتين": 2,
    "حبتين": 2,
    "اثنين": 2,
    "ثلاث قطع": 3,
}
"""Quantities in words."""
ANDS = ("and", "&", "+", "と", "และ", "กับ", "و", ",", "、", "،")
"""What joins two things: they are bought one after another."""
