import { readFile } from 'node:fs/promises'
import * as fc from 'fast-check'
import { countTokens as countExactly } from 'gpt-tokenizer/encoding/o200k_base'
import { describe, expect, test } from 'vitest'
import { buildVocabulary, readTokens } from '../../../scripts/build-vocabulary.ts'
import { countTokens, decodeRanks } from '../../../src/turn/tokens/token-count.ts'
import { pairs } from '../../../src/turn/tokens/vocabulary.ts'
import { anyCharacter } from '../../generators/any-character.ts'

const exactCount = (text: string) => countExactly(text, { disallowedSpecial: new Set() })

/** Ordinary prose, and the largest allowed count as a multiple of the exact one. */
const prose: Record<string, { text: string; atMost: number }> = {
  English: {
    atMost: 1.35,
    text: `Thanks for getting back to me so quickly. I ordered the blue jacket two weeks ago, and the
      tracking page still says that it hasn't left the warehouse. Could you check whether it's in stock,
      and if it isn't, how I would go about changing the order to the green one? I'd rather not wait
      another month, because we're leaving for our holiday on the 14th of June. By the way, I was charged
      twice, once on the day of the order and once yesterday; I'll send you both receipts if you need them.`,
  },
  German: {
    atMost: 1.75,
    text: `Vielen Dank für die schnelle Antwort. Ich habe vor zwei Wochen die blaue Jacke bestellt, und
      laut Sendungsverfolgung liegt sie immer noch im Lager. Könnten Sie bitte nachsehen, ob sie verfügbar
      ist und wie ich die Bestellung andernfalls auf die grüne ändern kann? Die Geschäftsbedingungen zur
      Rückerstattung habe ich gelesen, aber nicht vollständig verstanden.`,
  },
  French: {
    atMost: 1.6,
    text: `Merci beaucoup pour votre réponse. J'ai commandé la veste bleue il y a deux semaines et le
      suivi indique qu'elle n'a toujours pas quitté l'entrepôt. Pourriez-vous vérifier si elle est encore
      disponible et, sinon, comment je peux modifier ma commande ? Nous partons en vacances en juin.`,
  },
  Spanish: {
    atMost: 1.7,
    text: `Muchas gracias por responder tan rápido. Pedí la chaqueta azul hace dos semanas y el
      seguimiento dice que todavía no ha salido del almacén. ¿Podrían comprobar si está disponible y, si no
      lo está, cómo puedo cambiar el pedido? ¡Nos vamos de vacaciones en junio!`,
  },
  Polish: {
    atMost: 1.65,
    text: `Dziękuję za szybką odpowiedź. Dwa tygodnie temu zamówiłem niebieską kurtkę, a przesyłka wciąż
      nie opuściła magazynu. Czy mogliby Państwo sprawdzić, czy jest dostępna, i jak zmienić zamówienie?`,
  },
  Turkish: {
    atMost: 1.75,
    text: `Hızlı cevabınız için teşekkür ederim. İki hafta önce mavi ceketi sipariş ettim ama takip
      sayfasına göre hâlâ depodan çıkmamış. Stokta olup olmadığını kontrol edebilir misiniz?`,
  },
  Vietnamese: {
    atMost: 2.3,
    text: `Cảm ơn bạn đã trả lời nhanh như vậy. Tôi đã đặt chiếc áo khoác màu xanh hai tuần trước, nhưng
      trang theo dõi vẫn báo là hàng chưa rời kho. Bạn có thể kiểm tra giúp tôi không?`,
  },
  Russian: {
    atMost: 1.8,
    text: `Спасибо за быстрый ответ. Две недели назад я заказал синюю куртку, а на странице отслеживания
      до сих пор написано, что она не покинула склад. Не могли бы вы проверить, есть ли она в наличии, и
      если нет, подсказать, как изменить заказ?`,
  },
  Greek: {
    atMost: 1.95,
    text: `Ευχαριστώ πολύ για τη γρήγορη απάντηση. Παρήγγειλα το μπλε μπουφάν πριν από δύο εβδομάδες και
      η σελίδα παρακολούθησης λέει ακόμα ότι δεν έχει φύγει από την αποθήκη. Μπορείτε να το ελέγξετε;`,
  },
  Arabic: {
    atMost: 1.8,
    text: `شكرا جزيلا على الرد السريع. لقد طلبت السترة الزرقاء قبل أسبوعين، وما زالت صفحة التتبع تقول إنها
      لم تغادر المستودع. هل يمكنكم التحقق مما إذا كانت متوفرة وكيف يمكنني تغيير الطلب؟`,
  },
  Hebrew: {
    atMost: 1.85,
    text: `תודה רבה על התשובה המהירה. הזמנתי את המעיל הכחול לפני שבועיים, ודף המעקב עדיין אומר שהוא לא יצא
      מהמחסן. האם תוכלו לבדוק אם הוא במלאי, ואם לא, איך אפשר לשנות את ההזמנה?`,
  },
  Hindi: {
    atMost: 1.85,
    text: `इतनी जल्दी जवाब देने के लिए धन्यवाद। मैंने दो हफ़्ते पहले नीली जैकेट मँगवाई थी, और ट्रैकिंग पेज पर अब भी
      लिखा है कि वह गोदाम से नहीं निकली है। क्या आप देख सकते हैं कि वह उपलब्ध है या नहीं?`,
  },
  Bengali: {
    atMost: 2.2,
    text: `এত তাড়াতাড়ি উত্তর দেওয়ার জন্য ধন্যবাদ। আমি দুই সপ্তাহ আগে নীল জ্যাকেটটি অর্ডার করেছিলাম, কিন্তু
      এখনও সেটি গুদাম থেকে বের হয়নি। এটি পাওয়া যাবে কি না দয়া করে দেখবেন?`,
  },
  Tamil: {
    atMost: 2.4,
    text: `விரைவான பதிலுக்கு நன்றி. இரண்டு வாரங்களுக்கு முன்பு நீல நிற மேலங்கியை வாங்கினேன், ஆனால் அது இன்னும்
      கிடங்கிலிருந்து வெளியேறவில்லை. அது கிடைக்குமா என்று பார்க்க முடியுமா?`,
  },
  Georgian: {
    atMost: 2.1,
    text: `დიდი მადლობა სწრაფი პასუხისთვის. ორი კვირის წინ ლურჯი ქურთუკი შევუკვეთე, მაგრამ ის ჯერ კიდევ
      საწყობშია. შეგიძლიათ გადაამოწმოთ, არის თუ არა მარაგში?`,
  },
  Thai: {
    atMost: 2.3,
    text: `ขอบคุณมากที่ตอบกลับอย่างรวดเร็ว ฉันสั่งเสื้อแจ็กเก็ตสีน้ำเงินเมื่อสองสัปดาห์ก่อน แต่หน้าติดตามยังบอกว่า
      สินค้ายังไม่ออกจากคลัง ช่วยตรวจสอบได้ไหมว่ามีของหรือไม่ และถ้าไม่มีฉันจะเปลี่ยนคำสั่งซื้อได้อย่างไร`,
  },
  Khmer: {
    atMost: 2.25,
    text: `សូមអរគុណចំពោះការឆ្លើយតបយ៉ាងឆាប់រហ័ស។ ខ្ញុំបានកម្មង់អាវក្រៅពណ៌ខៀវកាលពីពីរសប្តាហ៍មុន
      ប៉ុន្តែវានៅមិនទាន់ចេញពីឃ្លាំងនៅឡើយទេ។`,
  },
  Amharic: {
    atMost: 1.6,
    text: `ስለ ፈጣን ምላሽዎ በጣም አመሰግናለሁ። ከሁለት ሳምንት በፊት ሰማያዊ ጃኬት አዝዤ ነበር፣ ግን እስካሁን ከመጋዘን አልወጣም።`,
  },
  Chinese: {
    atMost: 1.95,
    text: `非常感谢您这么快就回复我。我两周前订购了那件蓝色的夹克，但是物流页面仍然显示它还没有离开仓库。您能帮我查一下
      是否有货吗？如果没有，我应该怎样把订单改成绿色的那件？我们六月十四日就要去度假了。`,
  },
  Japanese: {
    atMost: 2.1,
    text: `早速のご返信ありがとうございます。二週間前に青いジャケットを注文したのですが、追跡ページではまだ倉庫から
      出荷されていないと表示されています。在庫があるかどうか確認していただけますか。`,
  },
  Korean: {
    atMost: 2.15,
    text: `빠른 답변 감사합니다. 2주 전에 파란색 재킷을 주문했는데 배송 조회 페이지에는 아직 창고에서 출고되지 않았다고
      나옵니다. 재고가 있는지 확인해 주시고, 없다면 주문을 어떻게 변경할 수 있는지 알려 주세요.`,
  },
}

const code: Record<string, string> = {
  TypeScript: `export async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split(/\\r?\\n/)
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}\n`,
  Python: `class Account:\n    """An account that can't be overdrawn."""\n\n    def __init__(self, balance: Decimal = Decimal("0")) -> None:\n        self.balance = balance\n\n    def withdraw(self, amount: Decimal) -> None:\n        if amount > self.balance:\n            raise ValueError(f"only {self.balance:.2f} left")\n        self.balance -= amount\n`,
  Rust: `impl<T: Ord> Heap<T> {\n    pub fn push(&mut self, item: T) {\n        self.items.push(item);\n        let mut i = self.items.len() - 1;\n        while i > 0 && self.items[i] < self.items[(i - 1) / 2] {\n            self.items.swap(i, (i - 1) / 2);\n            i = (i - 1) / 2;\n        }\n    }\n}\n`,
  SQL: `select s.id, count(*) filter (where m.role = 'user') as asked\nfrom sessions s join messages m on m.session_id = s.id\nwhere s.last_message_at > now() - interval '30 days'\ngroup by s.id having count(*) > 10 order by asked desc limit 20;\n`,
  HTML: `<!doctype html>\n<html lang="en">\n\t<body>\n\t\t<p class="lead">It&rsquo;s <a href="/a?b=1&amp;c=2">here</a>.</p>\n\t</body>\n</html>\n`,
  JSON: JSON.stringify({
    id: 'a1',
    tags: ['x', 'y'],
    nested: { ok: true, n: -1.5e-3, none: null },
  }),
  'pretty JSON': JSON.stringify({ items: [{ sku: 'JKT-BLUE-M', price: 129.95 }] }, null, 4),
  Markdown: `# Title\n\n1. **bold** and _italics_\n2. \`code\`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n\`\`\`sh\nnpm install && npm test\n\`\`\`\n\n> quoted\n`,
  shell: `for f in ./*.{log,txt}; do [[ -s "$f" ]] && grep -oE '[0-9]{1,3}(\\.[0-9]{1,3}){3}' "$f" | sort -u; done\n`,
}

const oddities: Record<string, string> = {
  'the text of special tokens':
    '<|endoftext|> <|im_start|>user<|im_sep|>hi<|im_end|><|endofprompt|>',
  'emoji with joiners and flags': '👩‍👩‍👧‍👦 👨🏽‍🚀 🏳️‍🌈 🇩🇪🇫🇷🇯🇵 👍🏿 ❤️‍🔥 #️⃣ 🫠',
  base64: btoa(
    String.fromCharCode(...Array.from({ length: 300 }, (_, i) => (i * i * 7 + i) % 256)),
  ),
  hex: Array.from({ length: 300 }, (_, i) => ((i * i * 31 + 5) % 256).toString(16)).join(''),
  UUIDs: '6f1e8b0a-93d4-4c57-b1aa-0c2f5e7d9b36 D9428888-122B-11E1-B85C-61CD3CBB3210',
  digits: '3.14159265358979323846264338327950288419716939937510 1,000,000 ١٢٣٤٥ ½ ² Ⅷ',
  URLs: 'https://example.com/a/b.php?q=caf%C3%A9&lang=en#top mailto:jo@example.org //cdn.example.net',
  'runs of white space': ' \t  \n\n \r\n\r\n   \u00A0\u2003\u3000 \v\f x    \n',
  'control characters': '\0\u0001\u001B[31mred\u001B[0m\u007F\u009F\u2028\u2029',
  'both directions': 'abc \u202Eשלום\u202C (123) مرحبا \u200Fworld\u200E!',
  zalgo: `Z${'\u0351\u036B\u0343'.repeat(9)}a${'\u0301\u0327'.repeat(30)}lgo`,
  contractions: "I'm you'RE he'S we'Ll they've DON'T o'clock rock'n'roll 'tis 's 'twas d'accord",
  'mixed case': 'iPhoneXSMax McDONALD HTTPServer XMLHttpRequest ǅ ǅungla ʰa ªº',
  slashes: 'and/or ///// \\\\ ../../etc //\n// /\r\n/*/ */',
  'lone surrogates': 'a\uD800b \uDC00\uDC00 \uD83D',
  'unassigned and private': '\u0378\uE000\u{F0000}\u{10FFFF}\uFFFE',
}

/** JavaScript's white space is not Rust's, so gpt-tokenizer is not exact with these characters. */
const withoutForeignSpace = (text: string) => text.replaceAll(/[\uFEFF\u0085]/g, '_')

describe('the count is never below the exact one', () => {
  const texts = [
    ...Object.entries(prose).map(([name, { text }]) => [name, text] as const),
    ...Object.entries(code),
    ...Object.entries(oddities),
  ]

  test.each(texts)('%s, whole and cut anywhere', (_name, text) => {
    expect(countTokens(text)).toBeGreaterThanOrEqual(exactCount(text))
    for (let cut = 1; cut < text.length; cut += 7) {
      const [head, tail] = [text.slice(0, cut), text.slice(cut)]
      expect(countTokens(head), JSON.stringify(head)).toBeGreaterThanOrEqual(exactCount(head))
      expect(countTokens(tail), JSON.stringify(tail)).toBeGreaterThanOrEqual(exactCount(tail))
    }
  })

  test.each([
    'a',
    'A',
    'é',
    '中',
    ' ',
    '\n',
    ' \n',
    '\t',
    '-',
    '=',
    'ab',
    '👍',
    '\u0301',
    '1',
    '\r',
  ])('%j, repeated', (unit) => {
    for (let times = 1; times <= 300; times += times < 40 ? 1 : 37) {
      const text = unit.repeat(times)
      expect(countTokens(text), `${times} times`).toBeGreaterThanOrEqual(exactCount(text))
    }
  })

  const words = [
    ...texts.flatMap(([, text]) => text.split(/(?<=\s)/)),
    ...'\n,./\'"()-_ \t1'.split(''),
  ]
  const strings = {
    'any code points': fc.string({ unit: anyCharacter, maxLength: 200 }),
    'any graphemes': fc.string({ unit: 'grapheme', maxLength: 200 }),
    'composed graphemes': fc.string({ unit: 'grapheme-composite', maxLength: 200 }),
    ASCII: fc.string({ unit: 'binary-ascii', maxLength: 200 }),
    'UTF-16 units, paired or not': fc
      .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 200 })
      .map((units) => String.fromCharCode(...units)),
    'words of many languages': fc.array(fc.constantFrom(...words), { maxLength: 60 }),
    'words among characters': fc.array(
      fc.oneof(fc.constantFrom(...words), fc.string({ unit: 'grapheme', maxLength: 4 })),
      { maxLength: 60 },
    ),
  } satisfies Record<string, fc.Arbitrary<string | string[]>>

  test.each(Object.entries(strings))('%s', (_name, arbitrary: fc.Arbitrary<string | string[]>) => {
    fc.assert(
      fc.property(arbitrary, (sample) => {
        const text = withoutForeignSpace(typeof sample === 'string' ? sample : sample.join(''))
        expect(countTokens(text)).toBeGreaterThanOrEqual(exactCount(text))
      }),
      { numRuns: 500 },
    )
  })

  // The exact counts are those of tiktoken itself; with JavaScript's `\s` ours would be one less.
  test.each([
    ['\uFEFF.s', 3],
    ['\uFEFF.a ', 4],
    [' \u0085s', 4],
    ['\u0085\n//', 4],
  ])('%j, white space in only one of JavaScript and Rust', (text, exact) => {
    expect(countTokens(text)).toBeGreaterThanOrEqual(exact)
  })
})

describe('the count is close', () => {
  test.each(Object.entries(prose))('%s stays within its factor', (_name, { text, atMost }) => {
    const exact = exactCount(text)
    expect(countTokens(text)).toBeLessThanOrEqual(exact * atMost)
  })

  test.each(Object.entries(code))('%s is at most 1.5 times over', (_name, text) => {
    expect(countTokens(text)).toBeLessThanOrEqual(exactCount(text) * 1.5)
  })

  test('no text counts more than its UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter }), (text) => {
        expect(countTokens(text)).toBeLessThanOrEqual(Buffer.byteLength(text))
      }),
    )
  })
})

test('the empty text has no tokens', () => {
  expect(countTokens('')).toBe(0)
})

test('the text of a special token counts as its characters do', () => {
  expect(countTokens('<|endoftext|>')).toBeGreaterThan(3)
})

test('a lone surrogate counts as U+FFFD', () => {
  expect(countTokens('a\uD800b')).toBe(countTokens('a\uFFFDb'))
})

function randomLetters(length: number): string {
  let seed = 1
  return Array.from({ length }, () => {
    seed = (seed * 48_271) % 2_147_483_647
    return String.fromCharCode(97 + (seed % 26))
  }).join('')
}
describe('the work grows with the length of any text', () => {
  const shapes: Record<string, (length: number) => string> = {
    'one letter': (length) => 'a'.repeat(length),
    'one capital': (length) => 'A'.repeat(length),
    'capitals after a letter of no case': (length) => `中${'A'.repeat(length - 1)}`,
    spaces: (length) => ' '.repeat(length),
    'spaces before a word': (length) => `${' '.repeat(length - 1)}x`,
    'spaces after a newline': (length) => `\n${' '.repeat(length - 2)}x`,
    newlines: (length) => '\n'.repeat(length),
    'newlines and spaces': (length) => '\n '.repeat(length / 2),
    dashes: (length) => '-'.repeat(length),
    slashes: (length) => '/'.repeat(length),
    apostrophes: (length) => "a'".repeat(length / 2),
    marks: (length) => '\u0301'.repeat(length),
    digits: (length) => '7'.repeat(length),
    'random letters': randomLetters,
  }

  test.each(Object.entries(shapes))('%s', (_name, shape) => {
    const stepsPerLevel = (length: number) => {
      const work = { steps: 0 }
      countTokens(shape(length), work)
      return work.steps / (length * Math.log2(length))
    }
    // At most six heap operations per byte, of log n steps each; measured: up to 3.
    for (const length of [2 ** 10, 2 ** 12, 2 ** 14, 2 ** 16]) {
      expect(stepsPerLevel(length)).toBeLessThan(6)
    }
  })

  // The steps of a regular expression cannot be counted: a quadratic one would run into the timeout here.
  test.each(Object.entries(shapes))('%s: a whole body of 128 KiB is counted', (_name, shape) => {
    const [part = 0, whole = 0] = [2 ** 13, 2 ** 17].map((length) => countTokens(shape(length)))
    expect(whole / part).toBeCloseTo(16, 0)
  })
})

describe('the vocabulary in the repository', () => {
  test('is what scripts/build-vocabulary.ts makes', async () => {
    const file = new URL('../../../src/turn/tokens/vocabulary.ts', import.meta.url)
    expect(await readFile(file, 'utf8')).toBe(await buildVocabulary())
  })

  test('decodes to the oldest tokens of o200k_base, in order', async () => {
    expect([...decodeRanks(pairs).keys()]).toEqual(await readTokens())
  })
})
