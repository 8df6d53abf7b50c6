import type { Receipt } from '../../protocol-receipt.ts'
import { el } from '../dom/elements.ts'
import { createReceiptBar } from './receipt-bar.ts'
import { receiptEntries, receiptFacts } from './receipt-entries.ts'
import { createReceiptList } from './receipt-list.ts'

/**
 * Shows a receipt as a bar, a list and a few sentences. A chunk of its own, loaded while the receipt is on its way.
 * @returns `summary`: the first sentence, to be shown above the nodes
 * @throws if it is no receipt
 */
export function drawReceipt(receipt: Receipt): { summary: string; nodes: Node[] } {
  const entries = receiptEntries(receipt)
  const [summary = '', ...facts] = receiptFacts(receipt)
  const bar = createReceiptBar(entries)
  const list = createReceiptList(entries, bar)
  return { summary, nodes: [bar.node, list, ...facts.map((fact) => el('p', {}, fact))] }
}
