import type { LeftOutTurns } from '../../db/turns/sent-turns.ts'
import type { LeftOut } from '../../protocol-receipt.ts'

/**
 * The turns that are left out, newest first: without those that are quoted, and with the reason why older ones are. A turn
 * that did not fit comes before the range that it is in, if that ends with it.
 * @param options.quoted `seq`s of replies of this session
 * @param options.dropped those that recall chose and that did not fit
 */
export function leftOutOf(
  ranges: readonly LeftOutTurns[],
  { quoted, dropped, older }: { quoted: number[]; dropped: number[]; older: LeftOut['reason'] },
): LeftOut[] {
  const others = [...quoted, ...dropped]
  return ranges
    .map(({ reason, ...range }): LeftOut => {
      const inside = others.filter((seq) => seq >= range.from_seq && seq <= range.to_seq)
      return {
        ...range,
        turns: range.turns - inside.length,
        reason: reason === 'older_than_window' ? older : reason,
      }
    })
    .concat(dropped.map((seq) => ({ from_seq: seq, to_seq: seq, turns: 1, reason: 'recall_full' })))
    .filter(({ turns }) => turns > 0)
    .toSorted((a, b) => b.to_seq - a.to_seq || b.from_seq - a.from_seq)
}
