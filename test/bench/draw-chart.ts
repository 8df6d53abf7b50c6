export interface Chart {
  title: string
  /** How it was made; for people who read the file or listen to it. */
  description: string
  xLabel: string
  yLabel: string
  /** Of the points of every line. */
  xs: readonly number[]
  lines: readonly ChartLine[]
}

export interface ChartLine {
  name: string
  ys: readonly number[]
  /** By this the style sheet colours it. */
  style: 'first' | 'second' | 'third'
}

const [width, height] = [760, 400]
const plot = { left: 68, right: 500, top: 56, bottom: 340 }
const labelHeight = 34

/** A line chart with logarithmic axes, as SVG for a light and a dark page. */
export function drawChart({ title, description, xLabel, yLabel, xs, lines }: Chart): string {
  const x = logScale(xs, plot.left, plot.right)
  const y = logScale(
    lines.flatMap(({ ys }) => ys),
    plot.bottom,
    plot.top,
  )
  const grid = [
    ...x.decades.map(
      (value) =>
        `<path class="grid" d="M${x.at(value)} ${plot.top}V${plot.bottom}"/>` +
        `<text class="tick" x="${x.at(value)}" y="${plot.bottom + 20}" text-anchor="middle">${number(value)}</text>`,
    ),
    ...y.decades.map(
      (value) =>
        `<path class="grid" d="M${plot.left} ${y.at(value)}H${plot.right}"/>` +
        `<text class="tick" x="${plot.left - 8}" y="${y.at(value) + 4}" text-anchor="end">${number(value)}</text>`,
    ),
  ]
  const labelYs = spread(lines.map(({ ys }) => y.at(ys.at(-1) ?? 1)))
  const drawn = lines.map(({ name, ys, style }, index) => {
    const points = xs.map((value, place) => ({ x: x.at(value), y: y.at(ys[place] ?? 1) }))
    const dots = points.map((point) => `<circle cx="${point.x}" cy="${point.y}" r="3.5"/>`)
    const labelY = labelYs[index] ?? 0
    return `<g class="${style}">
<polyline points="${points.map((point) => `${point.x},${point.y}`).join(' ')}"/>${dots.join('')}
<text x="${plot.right + 14}" y="${labelY}">${escape(name)}</text>
<text class="value" x="${plot.right + 14}" y="${labelY + 15}">${rangeOf(ys)} ms</text>
</g>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title desc">
<title id="title">${escape(title)}</title>
<desc id="desc">${escape(description)}</desc>
<style>${styleSheet}</style>
<rect class="page" width="${width}" height="${height}" rx="8"/>
<text class="title" x="24" y="30">${escape(title)}</text>
${grid.join('\n')}
<text class="axis" x="${(plot.left + plot.right) / 2}" y="${plot.bottom + 44}" text-anchor="middle">${escape(xLabel)}</text>
<text class="axis" transform="translate(20 ${(plot.top + plot.bottom) / 2}) rotate(-90)" text-anchor="middle">${escape(yLabel)}</text>
${drawn.join('\n')}
</svg>
`
}

const styleSheet = `
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.page { fill: #ffffff }
.title { font-size: 16px; font-weight: 600 }
.grid { stroke: #d1d9e0; fill: none }
.tick, .axis { fill: #59636e; font-size: 12px }
polyline { fill: none; stroke-width: 2.5 }
.first polyline { stroke: #0969da } .first circle, .first text { fill: #0969da }
.second polyline { stroke: #bc4c00 } .second circle, .second text { fill: #bc4c00 }
.third polyline { stroke: #59636e; stroke-dasharray: 6 4 } .third circle, .third text { fill: #59636e }
g text { font-weight: 600 }
g .value { font-size: 12px; font-weight: 400 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.page { fill: #0d1117 }
.grid { stroke: #3d444d }
.tick, .axis { fill: #9198a1 }
.first polyline { stroke: #4493f8 } .first circle, .first text { fill: #4493f8 }
.second polyline { stroke: #f0883e } .second circle, .second text { fill: #f0883e }
.third polyline { stroke: #9198a1 } .third circle, .third text { fill: #9198a1 }
}
`

/** From the power of ten below the least value to the one above the greatest. */
function logScale(values: readonly number[], from: number, to: number) {
  const first = Math.floor(Math.log10(Math.min(...values)))
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values))))
  const decades = Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index))
  const at = (value: number) =>
    Math.round(10 * (from + ((Math.log10(value) - first) / (last - first)) * (to - from))) / 10
  return { decades, at }
}

/** Moves labels apart that would cover one another. */
function spread(ys: readonly number[]): number[] {
  const spreadYs = [...ys]
  const order = ys.map((_, index) => index).toSorted((a, b) => (ys[a] ?? 0) - (ys[b] ?? 0))
  let lowest = -Infinity
  for (const index of order) {
    lowest = Math.max(ys[index] ?? 0, lowest + labelHeight)
    spreadYs[index] = lowest
  }
  return spreadYs
}

function rangeOf(ys: readonly number[]): string {
  const [first, last] = [ys[0] ?? 0, ys.at(-1) ?? 0].map((value) => number(rounded(value)))
  return first === last ? `${first}` : `${first} to ${last}`
}

function rounded(value: number): number {
  return Number(value.toPrecision(2))
}

function number(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 6 })
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
