import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const source = new URL('../../../src/widget/', import.meta.url)
/** The styles of the widget, without those of the demo page. */
const css = globSync('{element,panel,markdown}/*.css', { cwd: source })
  .map((path) => readFileSync(new URL(path, source), 'utf8'))
  .join('\n')

/** The custom properties that hold colours, with their value in each theme. */
const colours: Record<string, { light: string; dark: string }> = {}
for (const [, name = '', value = ''] of css.matchAll(/^ *--(?:chatbot-)?([\w-]+): (.+);$/gm)) {
  const [light, dark = light] = Array.from(value.matchAll(/#([\da-f]{3,6})\b/g), ([, hex]) => hex)
  if (light && dark) colours[name] = { light, dark }
}

/** Relative luminance, as WCAG 2.2 defines it. */
function luminance(hex: string): number {
  const full = hex.length === 3 ? hex.replaceAll(/./g, '$&$&') : hex
  const [red = 0, green = 0, blue = 0] = [0, 2, 4].map((at) => {
    const value = Number.parseInt(full.slice(at, at + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/** The colour of a shape that is partly transparent. */
function blend(shape = '', ground = '', opacity: number): string {
  const channels = (hex: string) =>
    [0, 2, 4].map((at) =>
      Number.parseInt(hex.replace(/^(.)(.)(.)$/, '$1$1$2$2$3$3').slice(at, at + 2), 16),
    )
  const below = channels(ground)
  return channels(shape)
    .map((value, index) => Math.round(value * opacity + below[index]! * (1 - opacity)))
    .map((value) => value.toString(16).padStart(2, '0'))
    .join('')
}

function contrast(one = '', other = ''): number {
  const [low = 0, high = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b)
  return (high + 0.05) / (low + 0.05)
}

const texts: [text: string, ground: string][] = [
  ['text', 'ground'],
  ['text', 'raised'],
  ['muted', 'ground'],
  ['muted', 'raised'],
  ['link', 'ground'],
  ['link', 'raised'],
  ['error', 'ground'],
  ['on-accent', 'accent'],
  ...Object.keys(colours)
    .filter((name) => name.startsWith('code-'))
    .map((name): [string, string] => [name, 'ground']),
]

/** The edges of buttons and text boxes, and the focus ring. */
const shapes: [shape: string, ground: string][] = [
  ['accent', 'ground'],
  ['muted', 'ground'],
  ['link', 'ground'],
  ['link', 'raised'],
]

for (const theme of ['light', 'dark'] as const) {
  const of = (one: string, other: string) =>
    contrast(colours[one]?.[theme], colours[other]?.[theme])
  test.each(texts)(`in the ${theme} theme %s on %s has a contrast of 4.5 : 1`, (text, ground) => {
    expect(of(text, ground)).toBeGreaterThanOrEqual(4.5)
  })
  test.each(shapes)(`in the ${theme} theme %s beside %s has a contrast of 3 : 1`, (one, other) => {
    expect(of(one, other)).toBeGreaterThanOrEqual(3)
  })
}

test.each(['light', 'dark'] as const)(
  'in the %s theme every other turn of a receipt has a contrast of 3 : 1 to the ground',
  (theme) => {
    const [link, ground] = [colours['link']?.[theme], colours['ground']?.[theme]]
    const opacity = Number(/fill-opacity: (.+);/.exec(css)?.[1])
    expect(contrast(blend(link, ground, opacity), ground)).toBeGreaterThanOrEqual(3)
    expect(contrast(blend(link, ground, opacity), link)).toBeGreaterThan(1.4)
  },
)

test('every colour of the widget is tested here, except decorative lines', () => {
  const used = new Set([...texts.flat(), ...shapes.flat()])
  expect(Object.keys(colours).filter((name) => !used.has(name))).toEqual(['line'])
  const properties = css.replaceAll(/--[\w-]+:.+;/g, '').replaceAll(/rgb\(0 0 0 .+?\)/g, '')
  expect(properties.match(/#[\da-f]{3,8}\b|rgb|hsl/g)).toBeNull()
})
