import { test } from 'vitest'
import { queryTerms, termsOf } from '../../src/turn/recall/terms.ts'
import { median, report, round } from './report.ts'

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5) * 20
const chars = 8_000
/** The share of a request's CPU time that the terms may take. */
const limitMs = 3

/** Words of four letters, each of them once. */
const distinctWords = (letters: string) =>
  Array.from({ length: 2_000 }, (_, word) =>
    Array.from({ length: 4 }, (_letter, place) => letters[(word >> (3 * place)) & 7]).join(''),
  ).join(' ')

const texts: Record<string, string> = {
  English: `Thanks for getting back to me so quickly. I ordered the blue jacket two weeks ago, and the
    tracking page still says that it hasn't left the warehouse. `,
  Vietnamese:
    'Cảm ơn bạn đã trả lời nhanh như vậy. Tôi đã đặt chiếc áo khoác màu xanh hai tuần trước. ',
  Arabic: 'لقد طلبت السترة الزرقاء قبل أسبوعين، وما زالت صفحة التتبع تقول إنها لم تغادر المستودع. ',
  Chinese:
    '非常感谢您这么快就回复我。我两周前订购了那件蓝色的夹克，但是物流页面仍然显示它还没有离开仓库。',
  Japanese:
    '二週間前に青いジャケットを注文したのですが、追跡ページではまだ倉庫から出荷されていません。',
  Thai: 'ฉันสั่งเสื้อแจ็กเก็ตสีน้ำเงินเมื่อสองสัปดาห์ก่อน แต่หน้าติดตามยังบอกว่าสินค้ายังไม่ออกจากคลัง ',
  'distinct words': distinctWords('bcdfghjk'),
  'distinct words with accents': distinctWords('àéîõüçşñ'),
  'distinct Arabic words': distinctWords('آبةتىجحخ'),
  'one character of Han': '漢',
  'a letter and a digit': 'a1',
  'marks out of order': 'a\u0301\u0323\u0301\u0323\u0301\u0323\u0301\u0323',
  'ligatures of 18 characters': 'ﷺ',
  'marks between soft hyphens': `a${'\u0345\u0315\u0301\u0323\u0327\u0334\u0316\u0301\u00ad'.repeat(888)}`,
  'marks between letters that become marks': 'ﾞ\u0301\u0323',
  'letters that become vowel points': '\ufe77\u0301\ufc62\u0323',
  'distinct characters of Han': Array.from({ length: chars }, (_, i) =>
    String.fromCharCode(0x4e00 + i),
  ).join(''),
}

test('the terms of 8,000 characters', async () => {
  const rows = Object.entries(texts).map(([name, unit]) => {
    const text = unit.repeat(Math.ceil(chars / unit.length)).slice(0, chars)
    return {
      text: name,
      terms: termsOf(text).length,
      'stored, ms': cpuMs(() => termsOf(text)),
      'asked for, ms': cpuMs(() => queryTerms(text, null)),
      'limit, ms': limitMs,
    }
  })
  await report('CPU time for the terms of 8,000 characters', rows)
})

function cpuMs(work: () => unknown): number {
  const times = Array.from({ length: rounds }, () => {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1_000
  })
  return round(median(times))
}
