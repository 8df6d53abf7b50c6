import type { ReceiptEntry } from './receipt-entries.ts'

export interface ReceiptBar {
  readonly node: SVGElement
  /** The blocks of each entry. An entry without a size has all those of its part. */
  readonly blocks: Map<ReceiptEntry, SVGElement[]>
}

/** The space between two parts, in percent of the bar. */
const gapPercent = 0.6
/** The most that turns which are left out take of the bar. Each is a strip of one percent; of more turns, some share one. */
const leftOutPercent = 20

/**
 * Draws the parts of a receipt in one row, in proportion to their tokens. Turns that are left out are not in proportion:
 * a receipt does not know their tokens.
 * @throws if a size is not a number
 */
export function createReceiptBar(entries: readonly ReceiptEntry[]): ReceiptBar {
  const label = entries.map((entry) => entry.label).join('; ')
  const node = svg('svg', { class: 'bar', role: 'img', 'aria-label': label })
  const blocks = new Map<ReceiptEntry, SVGElement[]>()
  const lines = entries.flatMap(withBelow)
  const leftOut = lines.filter(isLeftOut)
  const turnsPerStrip = Math.max(1, sizeOf(leftOut) / leftOutPercent)
  const stripsOf = ({ size }: ReceiptEntry) => Math.ceil((size ?? 0) / turnsPerStrip)
  const strips = leftOut.reduce((sum, line) => sum + stripsOf(line), 0)
  const stripPercent = Math.min(1, leftOutPercent / strips)
  const room = 100 - strips * stripPercent - gapPercent * (entries.length - 1)
  const percentPerToken = room / sizeOf(lines.filter((line) => !isLeftOut(line)))

  let at = 0
  for (const entry of entries) {
    const all: SVGElement[] = []
    for (const line of withBelow(entry)) {
      const count = isLeftOut(line) ? stripsOf(line) : Number(Boolean(line.size))
      const width = isLeftOut(line) ? stripPercent : (line.size ?? 0) * percentPerToken
      const drawn = Array.from({ length: count }, (_, index) =>
        createBlock(line.kind, at + index * width, width),
      )
      at += count * width
      all.push(...drawn)
      blocks.set(line, drawn.length > 0 ? drawn : all)
    }
    node.append(...all)
    at += gapPercent
  }
  return { node, blocks }
}

/** A block of this kind for the list, so that an entry looks as its blocks do. */
export function createSwatch(kind: ReceiptEntry['kind']): SVGElement {
  const node = svg('svg', { 'aria-hidden': 'true' })
  node.append(createBlock(kind, 0, 100))
  return node
}

function createBlock(kind: string, at: number, width: number): SVGElement {
  if (!(width >= 0 && width <= 100)) throw new TypeError(`The width is ${width}`)
  return svg('rect', { class: kind, x: `${at}%`, width: `${width}%`, height: '100%' })
}

const isLeftOut = ({ kind }: ReceiptEntry) => kind === 'left-out'

function withBelow(entry: ReceiptEntry): ReceiptEntry[] {
  return [entry, ...(entry.entries ?? [])]
}

function sizeOf(lines: ReceiptEntry[]): number {
  return lines.reduce((sum, { size }) => sum + (size ?? 0), 0)
}

function svg(tag: string, attributes: Record<string, string>): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  return element
}
